package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Sentinels of a change of status.
var (
	ErrRevoked = errors.New("the credential is revoked, for good")
	ErrBits    = errors.New("the credential's status list cannot say that it is suspended")
	ErrReason  = errors.New("the reason is not on the list")
)

// Why a credential is suspended or revoked, which its holder sees.
const (
	ReasonHolder   = "holder"       // the holder's own wish
	ReasonLost     = "lost_phone"   // lost, or stolen
	ReasonData     = "data_changed" // the register says something else by now
	ReasonError    = "issued_in_error"
	ReasonMisuse   = "misuse"
	ReasonDeath    = "death"
	ReasonInquiry  = "inquiry" // it is being looked into
	ReasonReplaced = "replaced"
)

// Reasons answers the closed list.
func Reasons() []string {
	return []string{ReasonHolder, ReasonLost, ReasonData, ReasonError, ReasonMisuse, ReasonDeath, ReasonInquiry, ReasonReplaced}
}

// Change of one place of a status list. Credential is empty for a decoy.
type Change struct {
	Credential  string
	List        string
	Index       int
	Version     int64 // of the list, once changed
	Was, Became statuslist.Status
	Reason      string
	At          time.Time
}

// Op is what happened to the credential.
func (c Change) Op() string {
	switch c.Became {
	case statuslist.Invalid:
		return "revoked"
	case statuslist.Suspended:
		return "suspended"
	}
	return "reinstated"
}

// Revoke one credential, for good, by its holder's wish. Revoking twice is no
// error.
func (i *Issuer) Revoke(ctx context.Context, id string) error {
	return i.RevokeFor(ctx, id, ReasonHolder)
}

// RevokeFor a reason of the list; of one that is revoked the first reason stays.
func (i *Issuer) RevokeFor(ctx context.Context, id, reason string) error {
	return i.change(ctx, id, statuslist.Invalid, reason)
}

// Suspend one credential for a reason of the list, until it is reinstated or
// revoked. Suspending twice is no error; ErrRevoked, ErrBits.
func (i *Issuer) Suspend(ctx context.Context, id, reason string) error {
	return i.change(ctx, id, statuslist.Suspended, reason)
}

// Reinstate one credential. Doing so twice is no error; ErrRevoked.
func (i *Issuer) Reinstate(ctx context.Context, id string) error {
	return i.change(ctx, id, statuslist.Valid, "")
}

// RevokeAll credentials of a citizen that are not revoked yet: a phone was lost.
// When it fails it has revoked some; it can be called again.
func (i *Issuer) RevokeAll(ctx context.Context, citizen string) error {
	return i.RevokeEach(ctx, citizen, ReasonLost, nil)
}

// RevokeEach is RevokeAll for a reason, of those that which names; nil: all.
func (i *Issuer) RevokeEach(ctx context.Context, citizen, reason string, which func(Issued) bool) error {
	all, err := i.Store.CredentialsOf(ctx, citizen)
	if err != nil {
		return fmt.Errorf("revoke all: %w", err)
	}
	for _, c := range all {
		if c.Status == Revoked || which != nil && !which(c) {
			continue
		}
		if err := i.RevokeFor(ctx, c.ID, reason); err != nil {
			return err
		}
	}
	return nil
}

func (i *Issuer) change(ctx context.Context, id string, to statuslist.Status, reason string) error {
	if to != statuslist.Valid && !slices.Contains(Reasons(), reason) {
		return ErrReason
	}
	var err error
	for range attempts {
		err = i.try(ctx, id, to, reason)
		if err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, ErrRevoked) || errors.Is(err, ErrBits) {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("change status: %w", err)
}

// try one change: of the credential, of its list, which also changes at some
// decoys, and the entries of the log for both, in one commit.
func (i *Issuer) try(ctx context.Context, id string, to statuslist.Status, reason string) error {
	issued, err := i.Store.Credential(ctx, id)
	if err != nil {
		return err
	}
	was := statusOf(issued)
	switch {
	case was == to:
		return nil // perhaps by an earlier try whose answer was lost
	case was == statuslist.Invalid:
		return ErrRevoked
	}
	row, list, err := i.open(ctx, issued.List)
	if err != nil {
		return err
	}
	if to == statuslist.Suspended && list.Bits() < 2 {
		return ErrBits
	}
	at := i.Now()
	if err := list.Set(issued.Index, to); err != nil {
		return err
	}
	change := Change{Credential: id, List: row.ID, Index: issued.Index, Version: row.Version + 1, Was: was, Became: to, Reason: reason, At: at}
	decoys, err := row.disturb(list, at, 0)
	if err != nil {
		return err
	}
	salt, err := i.Salts.Salt(ctx, issued.Citizen, SaltLabel(id))
	if err != nil {
		return err
	}
	statement, err := i.statement(row)
	if err != nil {
		return err
	}
	name := "revoke/" + id
	if to != statuslist.Invalid { // may happen again
		name = fmt.Sprintf("%s/%s/%d", change.Op(), id, change.Version)
	}
	return i.Store.Commit(ctx, Commit{
		ID: name, Digest: requestDigest(name), Lists: []List{row}, Changes: append(decoys, change),
		Leaves: [][]byte{tlog.Commitment(LeafDomain, salt, change.Digest()), statement},
	})
}

// open a list for changing: what is set in one is set in the other.
func (i *Issuer) open(ctx context.Context, id string) (List, *statuslist.List, error) {
	row, err := i.Store.List(ctx, id)
	if err != nil {
		return row, nil, err
	}
	row.Data = slices.Clone(row.Data)
	list, err := statuslist.FromBytes(row.Bits, row.Data)
	return row, list, err
}

func statusOf(i Issued) statuslist.Status {
	switch i.Status {
	case Revoked:
		return statuslist.Invalid
	case Suspended:
		return statuslist.Suspended
	}
	return statuslist.Valid
}

// changes of a credential, with the revocation of one from before changes were
// kept.
func (i *Issuer) changes(ctx context.Context, c Issued) ([]Change, error) {
	all, err := i.Store.ChangesOf(ctx, c.ID)
	if err == nil && c.Status == Revoked && len(all) == 0 {
		all = []Change{{Credential: c.ID, Became: statuslist.Invalid, Reason: c.Reason, At: c.RevokedAt}}
	}
	return all, err
}
