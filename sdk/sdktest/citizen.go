package sdktest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/sdk"
)

// Citizen is a person with a software passkey.
type Citizen struct {
	ID      string // also the resident identifier that an entitled provider gets
	hub     *Hub
	passkey *consenttest.Passkey
}

// MustCitizen enrols a person by the orders of two officers; the same id again
// is the same person after a loss, with a new passkey.
func (h *Hub) MustCitizen(id string) *Citizen {
	h.t.Helper()
	if id == "" {
		h.t.Fatal("a citizen needs an id")
	}
	c := &Citizen{ID: id, hub: h, passkey: h.world.People.Enrol(id)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passkeys[id] = c.passkey
	return c
}

// Sub is who the person is to the consumer.
func (c *Citizen) Sub() string { return c.subAt(ConsumerID) }

// ProviderSub is who the person is to the provider.
func (c *Citizen) ProviderSub() string { return c.subAt(ProviderID) }

func (c *Citizen) subAt(sector string) string {
	c.hub.t.Helper()
	sub, err := c.hub.world.People.Pairwise(context.Background(), c.ID, sector)
	if err != nil {
		c.hub.t.Fatal(err)
	}
	return sub
}

// Grant is what the person's browser does with a redirect: it opens the hub's
// page, leaves these claims ticked (all that are asked for when none is named),
// signs, and brings the answer back. An error is the hub's refusal to let this
// person sign.
func (c *Citizen) Grant(to sdk.Redirect, claims ...string) (url.Values, error) {
	p, back := c.hub.open(to)
	if p.grant == "" {
		return c.hub.answer(p, c, back), nil
	}
	ctx := context.Background()
	if len(claims) == 0 {
		offer, err := c.hub.world.Ledger.Offer(ctx, p.grant, c.ID, "en")
		if err != nil {
			return nil, err
		}
		for _, claim := range offer.Terms.Claims {
			claims = append(claims, claim.Name)
		}
	}
	if _, err := c.hub.world.Approve(ctx, p.grant, c.ID, c.passkey, claims...); err != nil {
		return nil, err
	}
	return c.hub.answer(p, c, back), nil
}

// MustGrant is Grant that the hub accepts.
func (c *Citizen) MustGrant(to sdk.Redirect, claims ...string) url.Values {
	c.hub.t.Helper()
	query, err := c.Grant(to, claims...)
	if err != nil {
		c.hub.t.Fatal(err)
	}
	return query
}

// MustLogin logs the person in where a consumer sent the browser.
func (c *Citizen) MustLogin(to sdk.Redirect) url.Values {
	c.hub.t.Helper()
	p, back := c.hub.open(to)
	if p.grant != "" {
		c.hub.t.Fatal("this redirect asks for data: MustGrant or MustDeny")
	}
	return c.hub.answer(p, c, back)
}

// MustDeny says no.
func (c *Citizen) MustDeny(to sdk.Redirect) url.Values {
	c.hub.t.Helper()
	p, back := c.hub.open(to)
	if _, err := c.hub.world.Ledger.Deny(context.Background(), p.grant, c.ID); err != nil {
		c.hub.t.Fatal(err)
	}
	back.Set("error", "access_denied")
	return back
}

func (c *Citizen) must(_ consent.Record, err error) {
	c.hub.t.Helper()
	if err != nil {
		c.hub.t.Fatal(err)
	}
}

// MustWithdraw withdraws a grant.
func (c *Citizen) MustWithdraw(grantID string) {
	c.hub.t.Helper()
	c.must(c.hub.world.Ledger.Withdraw(context.Background(), consent.GrantID(grantID), c.ID))
}

// Grants are the person's own, newest first, as the dashboard lists them.
func (c *Citizen) Grants() (ids []string) {
	c.hub.t.Helper()
	records, err := c.hub.world.Ledger.Of(context.Background(), c.ID)
	if err != nil {
		c.hub.t.Fatal(err)
	}
	for _, r := range records {
		ids = append(ids, string(r.Grant))
	}
	return ids
}

// MustReceipt is the citizen's own copy of a grant's receipt.
func (c *Citizen) MustReceipt(grantID string) receipt.Receipt {
	c.hub.t.Helper()
	r, err := receipt.Assembler{Ledger: c.hub.world.Ledger, Proofs: c.hub.log()}.ForCitizen(context.Background(), consent.GrantID(grantID), c.ID)
	if err != nil {
		c.hub.t.Fatal(err)
	}
	return r
}

// MustSignWithdrawal signs a withdrawal with the person's own passkey, out of the
// person's own receipt: for sdk.Provider.Withdrawn, without the hub.
func (c *Citizen) MustSignWithdrawal(r receipt.Receipt) []byte {
	c.hub.t.Helper()
	digest, err := r.Terms.Digest()
	if err != nil {
		c.hub.t.Fatal(err)
	}
	if r.Approval == nil {
		c.hub.t.Fatal("not the citizen's copy of the receipt")
	}
	return must(json.Marshal(consent.SignedWithdrawal{Terms: r.Terms, Approval: *r.Approval,
		Key: c.passkey.JWK().KeyID, Assertion: c.passkey.Sign(consent.WithdrawalChallenge(digest))}))
}

// MustPause pauses a grant.
func (c *Citizen) MustPause(grantID string) {
	c.hub.t.Helper()
	c.must(c.hub.world.Ledger.Pause(context.Background(), consent.GrantID(grantID), c.ID, "test"))
}

// MustResume lets a paused grant go on.
func (c *Citizen) MustResume(grantID string) {
	c.hub.t.Helper()
	c.must(c.hub.world.Ledger.Resume(context.Background(), consent.GrantID(grantID), c.ID))
}

// MustRelease walks a need to its first release: asked, granted in full,
// released, received.
func (c *Citizen) MustRelease(consumer *sdk.Consumer, need sdk.Need) *sdk.Release {
	c.hub.t.Helper()
	ctx := context.Background()
	to, err := consumer.Ask(ctx, need)
	if err != nil {
		c.hub.t.Fatal(err)
	}
	r, err := consumer.Complete(ctx, to.State, c.MustGrant(to))
	if err != nil {
		c.hub.t.Fatal(err)
	}
	return r
}

// open is the browser at the hub's page.
func (h *Hub) open(to sdk.Redirect) (pushed, url.Values) {
	h.t.Helper()
	u, err := url.Parse(to.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	uri := u.Query().Get("request_uri")
	p, ok := h.pushed[uri]
	if !ok {
		h.t.Fatal("the request_uri is unknown, or was opened before")
	}
	delete(h.pushed, uri) // RFC 9126, 4
	return p, url.Values{"state": {p.State}, "iss": {h.URL}}
}

// answer sends the browser back with a code.
func (h *Hub) answer(p pushed, who *Citizen, back url.Values) url.Values {
	code := rand.Text()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.codes[code] = &ticket{pushed: p, citizen: who.ID}
	back.Set("code", code)
	return back
}
