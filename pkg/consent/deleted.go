package consent

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"strconv"
	"strings"
	"time"
)

// KindDeleted is the consumer's signed word that it deleted what it learned
// under a grant that is over.
const KindDeleted Kind = "deleted"

// DeletedJWT is the typ of a consumer's statement of deletion.
const DeletedJWT = "mydata-deleted+jwt"

// ErrStanding says that a statement of deletion comes while the grant lasts.
var ErrStanding = errors.New("consent: the grant is not over")

// DeletedClaims are the payload of the JWS by which a consumer says that it no
// longer holds what it learned. Nothing in it is about the person.
type DeletedClaims struct {
	Issuer   string  `json:"iss"` // the consumer's agency id
	Audience string  `json:"aud"` // the hub's issuer
	IssuedAt int64   `json:"iat"`
	GrantID  GrantID `json:"grant_id"`
	Uses     int     `json:"uses"`       // the last use that it covers; all before it too
	At       int64   `json:"deleted_at"` // when the last of it was gone
}

// SignDeleted makes the consumer's statement of deletion.
func SignDeleted(c DeletedClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(DeletedJWT, c, key, chain)
}

// OpenDeleted checks a statement of deletion as OpenRequest checks a request.
func OpenDeleted(compact string, roots *x509.CertPool) (DeletedClaims, error) {
	var c DeletedClaims
	if err := openAs(compact, DeletedJWT, "deletion signature", roots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return DeletedClaims{}, err
	}
	switch {
	case c.GrantID == "":
		return DeletedClaims{}, refuse("statement of deletion", "grant_id is missing")
	case c.Uses < 1:
		return DeletedClaims{}, refuse("statement of deletion", "it covers no use")
	case c.At < 1 || c.At > c.IssuedAt:
		return DeletedClaims{}, refuse("statement of deletion", "deleted_at is not before iat")
	}
	return c, nil
}

// Deleted records the consumer's statement. It is taken once, after the grant's
// end, and only when it covers every use that the consumer countersigned. The
// same again changes nothing; another is ErrDecided.
func (l *Ledger) Deleted(ctx context.Context, deletedJWS string) (Record, error) {
	c, err := OpenDeleted(deletedJWS, l.AgencyRoots)
	if err != nil {
		return Record{}, err
	}
	if c.Audience != l.Issuer {
		return Record{}, refuse("aud", "%q is not this hub", c.Audience)
	}
	if time.Unix(c.IssuedAt, 0).After(l.Now().Add(clockSkew)) {
		return Record{}, refuse("iat", "it is from the future")
	}
	digest := DigestOf(deletedJWS)
	event := Event{
		Grant: c.GrantID, Kind: KindDeleted, By: "consumer",
		Use: c.Uses, Deletion: digest, Evidence: Evidence{Deletion: deletedJWS},
	}
	r, err := l.decide(ctx, c.GrantID, []byte(deletedJWS), func(r Record, events []Event) ([]Event, string, bool, error) {
		switch {
		case r.Seq == 0:
			return nil, "", false, ErrUnknown
		case r.Consumer != c.Issuer:
			return nil, "", false, ErrForeign
		case r.Deletion == digest:
			return nil, "", true, nil
		}
		next := []Event{event}
		if r.Lives() && !l.Now().Before(r.Expires) { // the clock has ended it, and nobody wrote that down yet
			next = []Event{{Grant: c.GrantID, Kind: KindExpired, By: "hub"}, event}
		}
		return next, "deleted/" + string(c.GrantID) + "/" + digest, false, nil
	})
	return r, err
}

func applyDeleted(r Record, e Event) (Record, error) {
	switch {
	case r.Seq == 0:
		return r, ErrUnknown
	case r.ended() == nil:
		return r, ErrStanding
	case !r.Deleted.IsZero():
		return r, ErrDecided
	case e.Deletion == "":
		return r, refuse("event", "deleted without a statement")
	case e.Use < 1 || e.Use > len(r.Uses):
		return r, refuse("uses", "the statement covers %d of %d uses", e.Use, len(r.Uses))
	}
	for n := e.Use; n < len(r.Uses); n++ {
		if !r.Uses[n].Received.IsZero() {
			return r, refuse("uses", "the statement leaves out use %d, which was received", n+1)
		}
	}
	r.Deleted, r.Deletion = e.At, e.Deletion
	return r, nil
}

// Keep is how long a consumer may keep what it learned, from each release on;
// zero where the terms do not say it in days.
func (t Terms) Keep() time.Duration {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(t.Retention, "P"), "D"))
	if err != nil || !days.MatchString(t.Retention) {
		return 0
	}
	return time.Duration(n) * 24 * time.Hour
}

// deletionGrace is the time a consumer has, once retention has ended, to say
// that it deleted.
const deletionGrace = 24 * time.Hour

// KeptUntil is when the consumer's right to keep the last of what it learned
// ends: retention counts from the last release, and never ends before the grant.
// Zero: nothing was released, or the terms are erased.
func (r Record) KeptUntil() time.Time {
	if len(r.Uses) == 0 || r.Agreed == nil {
		return time.Time{}
	}
	until := r.Uses[len(r.Uses)-1].At.Add(r.Agreed.Keep())
	end := r.Expires
	if r.Seq > 0 && r.ended() != nil && r.Since.Before(end) {
		end = r.Since
	}
	if end.After(until) {
		return end
	}
	return until
}

// Unconfirmed says that at a moment the consumer should have said that it
// deleted what it learned, and has not.
func (r Record) Unconfirmed(at time.Time) bool {
	until := r.KeptUntil()
	return !until.IsZero() && r.Deleted.IsZero() && at.After(until.Add(deletionGrace))
}
