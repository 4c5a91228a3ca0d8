package consent

import (
	"context"
	"crypto"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// ReadyJWT is the typ of a provider's word that a delivery is ready.
const ReadyJWT = "mydata-ready+jwt"

// ReadyClaims say that what a provider could not give at once is there. It says
// nothing of what it is.
type ReadyClaims struct {
	Issuer   string  `json:"iss"`
	Audience string  `json:"aud"`
	IssuedAt int64   `json:"iat"`
	GrantID  GrantID `json:"grant_id"`
	Use      int     `json:"use"`
}

// SignReady makes it.
func SignReady(c ReadyClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(ReadyJWT, c, key, chain)
}

// Ready checks a provider's word and answers what the consumer is told. It takes
// no use: the commit comes when the consumer fetches. A grant that is over is
// refused, so a citizen who withdraws meanwhile is not delivered about.
func (l *Ledger) Ready(ctx context.Context, readyJWS string) (signal.Signal, error) {
	var c ReadyClaims
	if err := openAs(readyJWS, ReadyJWT, "ready", l.AgencyRoots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return signal.Signal{}, err
	}
	if c.Audience != l.Issuer {
		return signal.Signal{}, refuse("aud", "%q is not this hub", c.Audience)
	}
	if err := fresh(c.IssuedAt, l.Now()); err != nil {
		return signal.Signal{}, err
	}
	r, _, err := l.load(ctx, c.GrantID)
	if err != nil {
		return signal.Signal{}, err
	}
	if r.Provider != c.Issuer {
		return signal.Signal{}, refuse("provider", "the grant is with another provider than %q", c.Issuer)
	}
	if err := r.Ended(l.Now()); err != nil {
		return signal.Signal{}, err
	}
	if c.Use != len(r.Uses)+1 {
		return signal.Signal{}, ErrUseTaken
	}
	// Its time is the last event's: the same word makes the same signal, and the
	// outbox's order within a grant holds.
	at := r.At.Add(time.Millisecond)
	return signal.New(r.Consumer, signal.DeliveryReady, string(c.GrantID), r.Seq, c.Use, at), nil
}
