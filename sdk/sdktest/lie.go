package sdktest

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Lie is what a hub does that it must not do.
type Lie int

// The lies. Each is refused, or reported by name, by a provider or a consumer.
const (
	Honest             Lie = iota
	SwapRecipientKey       // terms with a recipient key of the hub's own
	AlterTerms             // terms that keep the data longer than was approved, or what Alter said
	TokenForEndedGrant     // a token for a grant that was withdrawn or used up
	InventKey              // an approval by a passkey that the person never had
	OtherSubject           // the release is to be about another person
	ForkLog                // proofs from a second log, which no witness has seen
	HideLeaf               // what was promised is never in the log
	ReleaseEndedGrant      // a token for a grant that is over, and a promise for its commit
	ReplayPromise          // the promise of another commit
	InventOrder            // an approval by a passkey that officers of the hub's own making ordered
	OtherPage              // an approval that was signed on a page of another origin
	OldEntry               // a newer catalogue with an older entry of the provider's own in it
	OldCatalogue           // an older catalogue
	SplitLog               // proofs from a second log that witnesses, who conspire, cosigned
)

// Alteration is how a hub that lies by AlterTerms changes terms.
type Alteration struct {
	Change func(*consent.Terms)
	// Signed by the citizen all the same: the hub's page showed something else.
	Signed bool
	// Provider alone is shown them: the consumer gets what was approved.
	Provider bool
}

// Alter says how AlterTerms alters, and has the hub lie so from now on.
func (h *Hub) Alter(a Alteration) {
	h.mu.Lock()
	h.alteration = a
	h.mu.Unlock()
	h.Lie(AlterTerms)
}

// Lie has the hub lie from now on; Honest ends it.
func (h *Hub) Lie(l Lie) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lie = l
}

func (h *Hub) lying() Lie {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lie
}

// log is the log, or what a lying hub shows instead of it.
func (h *Hub) log() *consenttest.Log {
	switch h.lying() {
	case ForkLog:
		return h.world.Log.Fork()
	case SplitLog:
		split := h.world.Log.Fork()
		split.Silent = false
		return split
	}
	return h.world.Log
}

// Tiles are those of the log that the hub shows now, for pkg/audit.
func (h *Hub) Tiles() tlog.Tiles { return h.log() }

// next is the right to the next use, or what a lying hub makes up.
func (h *Hub) next(ctx context.Context, grant consent.GrantID) (consent.Authorized, error) {
	n, err := h.world.Ledger.NextUse(ctx, grant, ClientID)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.ended[grant] = n
		return n, nil
	}
	if last, ok := h.ended[grant]; ok && one(h.lie, TokenForEndedGrant, ReleaseEndedGrant) && !errors.Is(err, consent.ErrPending) {
		last.Use++
		return last, nil
	}
	return n, err
}

// transfer mints the token of the next use.
func (h *Hub) transfer(ctx context.Context, answer map[string]any, t *ticket) error {
	next, err := h.next(ctx, t.grant)
	if err != nil {
		return err
	}
	shown, err := h.altered(&next, t)
	if err != nil {
		return err
	}
	sealed, err := h.sealed(ctx, t, next)
	if err != nil {
		return err
	}
	digest := next.Record.Terms
	detail := transfer.Detail{Type: consent.TransferType, GrantID: string(t.grant), Terms: digest, Use: next.Use, Consumer: next.Record.Consumer}
	sub, err := h.world.People.Pairwise(ctx, t.citizen, ConsumerID)
	if err != nil {
		return err
	}
	now := h.hubNow()
	claims := transfer.TokenClaims{Issuer: h.URL, Subject: sub, Audience: []string{next.Record.Provider}, ClientID: ClientID,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)), ID: rand.Text(),
		Confirmation: transfer.Confirmation{JKT: t.JKT}, Details: []transfer.Detail{detail}}
	if claims.Sealed, err = transfer.Seal(sealed, h.world.Provider.EncryptionJWK()); err != nil {
		return err
	}
	answer["access_token"] = h.sign("at+jwt", claims)
	answer["authorization_details"] = []any{map[string]any{"type": detail.Type, "grant_id": t.grant, "use": detail.Use,
		"consumer": detail.Consumer, "locations": []string{next.Record.Provider}, "terms": shown}}
	return nil
}

// altered changes what is told of the terms, and answers what the consumer is shown.
func (h *Hub) altered(next *consent.Authorized, t *ticket) (consent.Terms, error) {
	approved, a := next.Terms, Alteration{}
	switch h.lying() {
	case SwapRecipientKey:
		a.Change = func(terms *consent.Terms) { terms.RecipientKey = consenttest.NewRecipientKey() }
	case AlterTerms:
		h.mu.Lock()
		a = h.alteration
		h.mu.Unlock()
	default:
		return approved, nil
	}
	if a.Change == nil {
		a.Change = func(terms *consent.Terms) { terms.Retention = "P3650D" }
	}
	terms, err := clone(approved)
	if err != nil {
		return approved, err
	}
	a.Change(&terms)
	sum, err := terms.Digest()
	if err != nil {
		return approved, err
	}
	next.Terms, next.Record.Terms = terms, consent.Encode(sum[:])
	if a.Signed {
		next.Approval.Digests = []string{next.Record.Terms}
		next.Approval.Assertion = h.passkey(t.citizen).Sign(approval.Challenge([][32]byte{sum}, [32]byte(next.Approval.Nonce)))
	}
	if !a.Provider {
		return terms, nil
	}
	h.provider.show(terms)
	return approved, nil
}

// clone shares nothing with what it is made from.
func clone(t consent.Terms) (consent.Terms, error) {
	raw, err := t.Canonical()
	if err != nil {
		return t, err
	}
	return consent.ParseTerms(raw)
}

// passkey is the newest of a person.
func (h *Hub) passkey(citizen string) *consenttest.Passkey {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.passkeys[citizen]
}

// sealed is what the token tells the provider alone.
func (h *Hub) sealed(ctx context.Context, t *ticket, next consent.Authorized) (transfer.Sealed, error) {
	var s transfer.Sealed
	if h.lying() == OtherPage {
		sum, err := next.Terms.Digest()
		if err != nil {
			return s, err
		}
		page := *h.passkey(t.citizen)
		page.Origin = "https://hub.evil.example"
		next.Approval.Assertion = page.Sign(approval.Challenge([][32]byte{sum}, [32]byte(next.Approval.Nonce)))
	}
	if one(h.lying(), InventKey, InventOrder) {
		var err error
		if next.Approval, err = h.forge(t.citizen, next); err != nil {
			return s, err
		}
	}
	proved, err := receipt.Prove(ctx, h.log(), next.Approval)
	if err != nil {
		return s, err
	}
	salts, err := h.world.People.OrderSalts(ctx, proved.History)
	if err != nil {
		return s, err
	}
	who := t.citizen
	if h.lying() == OtherSubject {
		who = "somebody else"
		h.world.People.Enrol(who)
	}
	sub, err := h.world.People.Pairwise(ctx, who, ProviderID)
	return transfer.Sealed{Subject: sub, ResidentID: who, OrderSalts: salts,
		SubjectSalt: consent.Encode(next.SubjectSalt[:]), Approval: proved}, err
}

// forgery is a passkey that the hub made up, with a history of its own: officers
// who conspire signed it.
type forgery struct {
	passkey *consenttest.Passkey
	history []approval.KeyRecord
}

func (h *Hub) forge(citizen string, next consent.Authorized) (consent.Approval, error) {
	h.mu.Lock()
	f, ok := h.forged[citizen]
	h.mu.Unlock()
	if !ok {
		officers := h.world.Officers
		if h.lying() == InventOrder {
			officers = []crypto.Signer{consenttest.NewKey(), consenttest.NewKey()}
		}
		f.passkey, f.history = h.world.People.ForgeBy(citizen, officers)
		h.mu.Lock()
		h.forged[citizen] = f
		h.mu.Unlock()
	}
	a := next.Approval
	digest, err := next.Terms.Digest()
	if err != nil {
		return a, err
	}
	a.Assertion = f.passkey.Sign(approval.Challenge([][32]byte{digest}, [32]byte(a.Nonce)))
	a.Key, a.History = f.passkey.JWK().KeyID, f.history
	return a, nil
}
