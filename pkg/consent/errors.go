package consent

import (
	"errors"
	"fmt"
	"slices"
)

// The refusals callers branch on.
var (
	ErrUnknown    = errors.New("consent: no such grant")
	ErrForeign    = errors.New("consent: the grant concerns somebody else")
	ErrConflict   = errors.New("consent: another event took that place")
	ErrReused     = errors.New("consent: the commit's id was used for another request")
	ErrUseTaken   = errors.New("consent: this use number is taken")
	ErrPending    = errors.New("consent: not decided yet")
	ErrDecided    = errors.New("consent: already decided")
	ErrDenied     = errors.New("consent: denied")
	ErrCancelled  = errors.New("consent: cancelled")
	ErrPaused     = errors.New("consent: paused")
	ErrWithdrawn  = errors.New("consent: withdrawn")
	ErrExpired    = errors.New("consent: expired")
	ErrConsumed   = errors.New("consent: all uses are taken")
	ErrTooSoon    = errors.New("consent: the frequency allows no further use yet")
	ErrSuperseded = errors.New("consent: a newer version of the grant is in force")
	ErrInvalid    = errors.New("consent: invalidated")
	ErrNoOffer    = errors.New("consent: there is no fresh proposal of terms")
	ErrNobody     = errors.New("consent: no such person or passkey") // of People
	ErrKept       = errors.New("consent: the outcome is not known yet, ask again")
)

// Over says that an error is one of the ways in which a grant ends.
func Over(err error) bool {
	ways := []error{ErrDenied, ErrCancelled, ErrWithdrawn, ErrExpired, ErrConsumed, ErrSuperseded, ErrInvalid}
	return slices.ContainsFunc(ways, func(way error) bool { return errors.Is(err, way) })
}

// CheckError is a refusal of outside material that names the failed check.
type CheckError struct{ Check, Cause string }

func (e *CheckError) Error() string { return "consent: " + e.Check + ": " + e.Cause }

func refuse(check, format string, args ...any) error {
	return &CheckError{Check: check, Cause: fmt.Sprintf(format, args...)}
}
