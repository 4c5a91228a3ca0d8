package transfer

import (
	"errors"
	"fmt"
)

// Who must act on a refusal.
const (
	MenderConsumer = "consumer" // the asking agency, its programmer or configuration
	MenderProvider = "provider" // the giving agency
	MenderHub      = "hub"      // the hub's operator
	MenderCitizen  = "citizen"  // the person: ask again
)

// Refusal is a check that failed. Check and Cause are for programs and
// programmers; neither holds a claim's value, a name or a token.
type Refusal struct {
	Check  string // the check's name, of the tables of Provider.Check and Consumer.Check
	Cause  string // what was found
	Mender string // who must act
	err    error
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %s", r.Check, r.Cause) }

// Unwrap is the error that the check met, if another package told it.
func (r *Refusal) Unwrap() error { return r.err }

// CheckOf is the name of the check that err says failed, or "".
func CheckOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Check
	}
	return ""
}

func refuse(check, mender, cause string, args ...any) *Refusal {
	err := fmt.Errorf(cause, args...)
	return &Refusal{Check: check, Cause: err.Error(), Mender: mender, err: errors.Unwrap(err)}
}
