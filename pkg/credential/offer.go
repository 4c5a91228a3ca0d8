package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// The grants of an offer (OpenID4VCI 1.0, 4.1.1).
const (
	GrantPreAuthorized     = "pre-authorized_code"
	GrantAuthorizationCode = "authorization_code"
)

const (
	// OfferLife is how long an offer can be taken up.
	OfferLife = 10 * time.Minute
	// TxCodeTries is how many wrong transaction codes an offer survives.
	TxCodeTries  = 5
	txCodeDigits = 6
)

// Sentinels of Redeem.
var (
	ErrOffer            = errors.New("offer unknown, used or expired")
	ErrTxCode           = errors.New("wrong transaction code")
	ErrTxCodeMissing    = errors.New("transaction code missing")
	ErrTxCodeUnexpected = errors.New("transaction code not expected")
	ErrTxCodeExhausted  = errors.New("too many wrong transaction codes")
)

// Offer of a credential to a citizen.
type Offer struct {
	ID       string
	Citizen  string
	Config   string
	Grant    string
	TxCode   []byte // hash; nil: none asked
	Tries    int    // wrong transaction codes so far
	Expires  time.Time
	Redeemed time.Time // zero: not yet
	Version  int64
}

// Offers makes and redeems offers. Codes are derived from Secret and never
// stored.
type Offers struct {
	Store  OfferStore
	Secret []byte // at least 32 bytes, stable over restarts
	Now    func() time.Time
}

// Make an offer; the transaction code is returned once and kept hashed.
func (f *Offers) Make(ctx context.Context, citizen, config, grant string, withTxCode bool) (Offer, string, error) {
	if grant != GrantPreAuthorized && grant != GrantAuthorizationCode {
		return Offer{}, "", fmt.Errorf("offer: unknown grant %q", grant)
	}
	if withTxCode && grant != GrantPreAuthorized {
		return Offer{}, "", fmt.Errorf("offer: a transaction code goes with %s alone", GrantPreAuthorized)
	}
	o := Offer{ID: randomID(), Citizen: citizen, Config: config, Grant: grant, Expires: f.Now().Add(OfferLife)}
	txCode := ""
	if withTxCode {
		n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
		if err != nil {
			return Offer{}, "", fmt.Errorf("offer: %w", err)
		}
		txCode = fmt.Sprintf("%0*d", txCodeDigits, n)
		o.TxCode = f.mac("tx_code", o.ID, txCode)
	}
	if err := f.Store.AddOffer(ctx, o); err != nil {
		return Offer{}, "", fmt.Errorf("offer: %w", err)
	}
	return o, txCode, nil
}

// Live is an offer that can still be taken up; else ErrOffer.
func (f *Offers) Live(ctx context.Context, id string) (Offer, error) {
	o, err := f.Store.Offer(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return Offer{}, ErrOffer
	}
	if err != nil {
		return Offer{}, err
	}
	now := f.Now()
	if !o.Redeemed.IsZero() || !now.Before(o.Expires) || o.Expires.Sub(now) > OfferLife+skew {
		return Offer{}, ErrOffer
	}
	return o, nil
}

// End ends what was offered to a citizen, as when a phone is lost: who holds it
// may have asked for an offer just before.
func (f *Offers) End(ctx context.Context, citizen string) error {
	return f.Store.EndOffers(ctx, citizen)
}

// Sweep forgets offers a day after they expired.
func (f *Offers) Sweep(ctx context.Context) error {
	return f.Store.SweepOffers(ctx, f.Now().Add(-24*time.Hour))
}

// Code is the pre-authorized code of an offer.
func (f *Offers) Code(o Offer) string {
	return o.ID + "." + base64.RawURLEncoding.EncodeToString(f.mac("pre-authorized_code", o.ID, ""))
}

// Redeem spends a pre-authorized code, once (OpenID4VCI 1.0, 6.1). A wrong
// transaction code does not burn the offer; TxCodeTries of them do.
func (f *Offers) Redeem(ctx context.Context, code, txCode string) (Offer, error) {
	id, _, _ := strings.Cut(code, ".")
	for range attempts {
		o, err := f.Live(ctx, id)
		if err != nil {
			return Offer{}, err
		}
		if o.Grant != GrantPreAuthorized || subtle.ConstantTimeCompare([]byte(code), []byte(f.Code(o))) != 1 {
			return Offer{}, ErrOffer
		}
		refusal := f.checkTxCode(&o, txCode)
		switch {
		case refusal == nil:
			o.Redeemed = f.Now()
		case !errors.Is(refusal, ErrTxCode): // nothing changed
			return Offer{}, refusal
		}
		switch err := f.Store.UpdateOffer(ctx, o); {
		case errors.Is(err, ErrConflict): // somebody tried at the same time
		case err != nil:
			return Offer{}, err
		default:
			return o, refusal
		}
	}
	return Offer{}, ErrConflict
}

func (f *Offers) checkTxCode(o *Offer, txCode string) error {
	switch {
	case o.TxCode == nil && txCode == "":
		return nil
	case o.TxCode == nil:
		return ErrTxCodeUnexpected
	case txCode == "":
		return ErrTxCodeMissing
	case o.Tries >= TxCodeTries:
		return ErrTxCodeExhausted
	case subtle.ConstantTimeCompare(o.TxCode, f.mac("tx_code", o.ID, txCode)) != 1:
		o.Tries++
		return ErrTxCode
	}
	return nil
}

func (f *Offers) mac(what, id, more string) []byte {
	h := hmac.New(sha256.New, f.Secret)
	fmt.Fprintf(h, "mydata/%s/v1\x00%s\x00%s", what, id, more)
	return h.Sum(nil)
}
