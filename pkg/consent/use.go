package consent

import (
	"context"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

const (
	maxCommitAge    = 5 * time.Minute
	promiseDeadline = time.Minute
)

// Authorized is a yes to hand out a token for the next use.
type Authorized struct {
	Record      Record
	Terms       Terms
	Use         int
	Request     string // the consumer's JWS
	Approval    Approval
	SubjectSalt [32]byte // opens Terms.Subjects.Provider
}

// NextUse answers what the next token may say, or why there is none: ErrPending,
// ErrDenied, ErrWithdrawn, ErrExpired, ErrConsumed, ErrPaused, ErrTooSoon. Asking
// takes no use; only a commit does.
func (l *Ledger) NextUse(ctx context.Context, id GrantID, client string) (Authorized, error) {
	r, events, err := l.load(ctx, id)
	if err != nil {
		return Authorized{}, err
	}
	if client == "" || r.Client != client {
		return Authorized{}, ErrForeign
	}
	if err := r.Ended(l.Now()); err != nil {
		return Authorized{}, err
	}
	if len(r.Uses) >= r.MaxUses {
		return Authorized{}, ErrConsumed
	}
	if r.early(l.Now()) {
		return Authorized{}, ErrTooSoon
	}
	given := approvalOf(events)
	if given == nil || r.Agreed == nil {
		return Authorized{}, ErrUnknown // erased
	}
	salt, err := l.subjectSalt(ctx, id, r.Citizen)
	if err != nil {
		return Authorized{}, err
	}
	return Authorized{
		Record: r, Terms: *r.Agreed, Use: len(r.Uses) + 1,
		Request: events[0].Evidence.Request, Approval: *given, SubjectSalt: salt,
	}, nil
}

// Use is the hub's yes to one release, before its first byte: compare-and-set
// from use n-1 to n, refused unless the grant is active now. It answers a signed
// promise. The same commit again answers a promise of the same content, even
// when the grant has ended since.
func (l *Ledger) Use(ctx context.Context, commitJWS string) (string, error) {
	claims, err := OpenCommit(commitJWS, l.AgencyRoots)
	if err != nil {
		return "", err
	}
	if claims.Audience != l.Issuer {
		return "", refuse("aud", "%q is not this hub", claims.Audience)
	}
	digest := DigestOf(commitJWS)
	event := Event{
		Grant: claims.GrantID, Kind: KindUsed, By: "provider",
		Use: claims.Use, Terms: claims.Terms, Commit: digest, Evidence: Evidence{Commit: commitJWS},
	}
	known, err := l.course(ctx, claims.GrantID)
	if err != nil {
		return "", err
	}
	all, err := l.decideAll(ctx, []GrantID{claims.GrantID}, []account{known}, []byte(commitJWS), func(now []account) ([]Event, string, bool, error) {
		r := now[0].record
		if err := l.checkCommit(r, claims); err != nil {
			return nil, "", false, err
		}
		if claims.Use <= len(r.Uses) && r.Uses[claims.Use-1].Commit == digest {
			return nil, "", true, nil
		}
		if err := fresh(claims.IssuedAt, l.Now()); err != nil {
			return nil, "", false, err
		}
		next := []Event{event}
		if claims.Use == r.MaxUses {
			next = append(next, Event{Grant: claims.GrantID, Kind: KindConsumed, By: "hub"})
		}
		return next, "used/" + string(claims.GrantID) + "/" + digest, false, nil
	})
	if err != nil {
		return "", err
	}
	return l.promise(ctx, claims, digest, all[0].events)
}

func (l *Ledger) checkCommit(r Record, c CommitClaims) error {
	switch {
	case r.Seq == 0:
		return ErrUnknown
	case r.Provider != c.Issuer:
		return refuse("provider", "the grant is with another provider than %q", c.Issuer)
	}
	return nil
}

func fresh(issued int64, now time.Time) error {
	at := time.Unix(issued, 0)
	if at.After(now.Add(clockSkew)) || at.Before(now.Add(-maxCommitAge)) {
		return refuse("iat", "it is not from now")
	}
	return nil
}

// promise signs what the history holds of this commit, together with the
// promises that others wait for.
func (l *Ledger) promise(ctx context.Context, c CommitClaims, digest string, events []Event) (string, error) {
	for _, e := range events {
		if e.Kind != KindUsed || e.Commit != digest {
			continue
		}
		entry, err := Entry(e, e.Salt)
		if err != nil {
			return "", err
		}
		leaf := tlog.LeafHash(entry)
		return l.sign(ctx, PromiseClaims{
			Issuer: l.Issuer, Audience: c.Issuer, IssuedAt: e.At.Unix(), GrantID: c.GrantID, Use: c.Use,
			Commit: digest, Nonce: c.Nonce, Leaf: Encode(leaf[:]), Deadline: e.At.Add(promiseDeadline).Unix(),
		})
	}
	return "", fmt.Errorf("promise: %w", ErrKept)
}

// Received records the consumer's countersignature of a commit. Another
// countersignature of the same use changes nothing.
func (l *Ledger) Received(ctx context.Context, receivedJWS string) (Record, error) {
	claims, err := OpenReceived(receivedJWS, l.AgencyRoots)
	if err != nil {
		return Record{}, err
	}
	if claims.Audience != l.Issuer {
		return Record{}, refuse("aud", "%q is not this hub", claims.Audience)
	}
	if time.Unix(claims.IssuedAt, 0).After(l.Now().Add(clockSkew)) {
		return Record{}, refuse("iat", "it is from the future")
	}
	event := Event{
		Grant: claims.GrantID, Kind: KindReceived, By: "consumer",
		Use: claims.Use, Commit: claims.Commit, Receipt: DigestOf(receivedJWS), Evidence: Evidence{Received: receivedJWS},
	}
	r, err := l.decide(ctx, claims.GrantID, []byte(receivedJWS), func(r Record, _ []Event) ([]Event, string, bool, error) {
		switch {
		case r.Seq == 0:
			return nil, "", false, ErrUnknown
		case r.Consumer != claims.Issuer:
			return nil, "", false, refuse("recipient", "the grant is another's than %q", claims.Issuer)
		case claims.Use <= len(r.Uses) && r.Uses[claims.Use-1].Commit == claims.Commit && !r.Uses[claims.Use-1].Received.IsZero():
			return nil, "", true, nil
		}
		return []Event{event}, "received/" + string(claims.GrantID) + "/" + event.Receipt, false, nil
	})
	return r, err
}
