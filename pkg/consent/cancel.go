package consent

import (
	"context"
	"crypto"
	"crypto/x509"
)

// CancelJWT is the typ of a consumer's cancellation.
const CancelJWT = "mydata-cancel+jwt"

// CancelClaims are the payload of the JWS by which a consumer takes back a
// request that nobody has decided.
type CancelClaims struct {
	Issuer   string  `json:"iss"` // the consumer's agency id
	Audience string  `json:"aud"` // the hub's issuer
	IssuedAt int64   `json:"iat"`
	GrantID  GrantID `json:"grant_id"`
}

// SignCancel makes the consumer's cancellation.
func SignCancel(c CancelClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(CancelJWT, c, key, chain)
}

// OpenCancel checks a cancellation as OpenRequest checks a request.
func OpenCancel(compact string, roots *x509.CertPool) (CancelClaims, error) {
	var c CancelClaims
	if err := openAs(compact, CancelJWT, "cancellation", roots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return CancelClaims{}, err
	}
	if c.GrantID == "" {
		return CancelClaims{}, refuse("cancellation", "grant_id is missing")
	}
	return c, nil
}

// Cancel takes back, for the consumer that made it, a request not yet decided.
// Repeating it changes nothing; after a decision it is ErrDecided, since a grant
// is the citizen's to end.
func (l *Ledger) Cancel(ctx context.Context, cancelJWS string) (Record, error) {
	c, err := OpenCancel(cancelJWS, l.AgencyRoots)
	if err != nil {
		return Record{}, err
	}
	if c.Audience != l.Issuer {
		return Record{}, refuse("aud", "%q is not this hub", c.Audience)
	}
	if err := fresh(c.IssuedAt, l.Now()); err != nil {
		return Record{}, err
	}
	r, _, err := l.load(ctx, c.GrantID)
	if err != nil {
		return Record{}, err
	}
	if r.Consumer != c.Issuer {
		return Record{}, ErrForeign
	}
	name, make := l.cancelled(c.GrantID, "consumer")
	r, err = l.decide(ctx, c.GrantID, []byte(name), make)
	return r, err
}

// TakeBack takes back, for the citizen it concerns, a request not yet decided.
// It needs a session alone. The consumer may ask again.
func (l *Ledger) TakeBack(ctx context.Context, id GrantID, citizen string) (Record, error) {
	name, make := l.cancelled(id, "citizen")
	return l.decideOwn(ctx, id, citizen, []byte(name), make)
}

// cancelled has one name whoever asks: the first of them is written down.
func (l *Ledger) cancelled(id GrantID, by string) (name string, make decision) {
	name = string(KindCancelled) + "/" + string(id)
	return name, func(r Record, _ []Event) ([]Event, string, bool, error) {
		switch r.Reading(l.Now()).State {
		case StateCancelled:
			return nil, "", true, nil
		case StateExpired:
			return nil, "", false, ErrExpired
		}
		return []Event{{Grant: id, Kind: KindCancelled, By: by}}, name, false, nil
	}
}
