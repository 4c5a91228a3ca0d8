package sdk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// Need is what an agency asks a citizen for.
type Need struct {
	Subject  string   // the Sub of the person who is logged in
	DataSet  string   // the catalogue's id
	Purpose  string   // the catalogue's code
	Claims   []string // without these the answer is of no use
	Optional []string // these the citizen may untick
	// Uses and For bound the grant: one use within an hour when zero. The
	// purpose bounds them too.
	Uses int
	For  time.Duration
	// Every is the time that lies between two uses at least: whole minutes,
	// hours or days; no bound when zero.
	Every time.Duration
	// Range is the period that you need records from; all when zero.
	Range DateRange
	// Template is the catalogue's id of the template to ask by. Where a purpose has
	// exactly one, that one is taken when it is empty.
	Template string
	// KeepDays is how long you keep what you learn: For, in whole days, when zero.
	KeepDays int
}

// askRow is what waits for the browser: kind "ask", key the state.
type askRow struct {
	authorization
	Recipient []byte `json:"recipient"` // HPKE private key
	Request   string `json:"request"`
	Subject   string `json:"subject"`
	Salt      []byte `json:"salt"`
}

// Ask begins a request for data: signed, pushed, and with a fresh key that
// alone can read the answers. Send the browser to Redirect.URL.
func (c *Consumer) Ask(ctx context.Context, n Need) (Redirect, error) {
	return c.ask(ctx, n, "")
}

// Amend asks for a new version of a grant, on other terms. It is a request like
// any other, answered through Complete: the citizen sees what would change. Once
// it is approved the old version is over ("superseded") and the new one has an
// id of its own; refused or left alone, the old one lives on.
func (c *Consumer) Amend(ctx context.Context, grantID string, n Need) (Redirect, error) {
	if _, err := c.config.Journal.Get(ctx, "grant", grantID); errors.Is(err, ErrAbsent) {
		return Redirect{}, refusal("unknown_grant", "grant", "consumer", "this journal has no such grant")
	} else if err != nil {
		return Redirect{}, err
	}
	return c.ask(ctx, n, consent.GrantID(grantID))
}

func (c *Consumer) ask(ctx context.Context, n Need, supersedes consent.GrantID) (Redirect, error) {
	if err := c.promises.allow(ctx); err != nil {
		return Redirect{}, err
	}
	cat, err := c.listing.get(ctx, 0)
	if err != nil {
		return Redirect{}, fmt.Errorf("ask: %w", err)
	}
	a, proofs, err := newAuthorization()
	if err != nil {
		return Redirect{}, err
	}
	key, err := envelope.Generate()
	if err != nil {
		return Redirect{}, err
	}
	row := askRow{authorization: a, Subject: n.Subject, Salt: make([]byte, 32)}
	rand.Read(row.Salt)
	if row.Recipient, err = key.Bytes(); err != nil {
		return Redirect{}, err
	}
	claims, err := c.request(n, cat, key.Public(), row.Salt)
	if err != nil {
		return Redirect{}, fmt.Errorf("ask: %w", err)
	}
	claims.Details[0].Supersedes = supersedes
	if row.Request, err = consent.SignRequest(claims, c.config.Keys.Signer, c.config.Keys.Chain); err != nil {
		return Redirect{}, fmt.Errorf("ask: %w", err)
	}
	state := rand.Text()
	to, err := c.hub.push(ctx, state, a, proofs.JKT(), map[string]any{
		"authorization_details": []any{map[string]any{"type": consent.TransferType, "request": row.Request}},
		"mydata_subject":        map[string]any{"sub": n.Subject, "salt": consent.Encode(row.Salt)},
	})
	if err != nil {
		return Redirect{}, fmt.Errorf("ask: %w", err)
	}
	return Redirect{to, state}, c.keep(ctx, "ask", state, row, c.config.Now().Add(waitFor))
}

// request is the claims of the consumer's own signed request: what is asked,
// for whom, and to which key. All that a catalogue knows is taken from it.
func (c *Consumer) request(n Need, cat *catalogue.Catalogue, public, salt []byte) (consent.RequestClaims, error) {
	var r consent.RequestClaims
	set, ok := cat.DataSet(n.DataSet)
	self, listed := cat.Agency(c.config.Keys.Agency)
	switch {
	case n.Subject == "":
		return r, errors.New("Need.Subject is empty: log the citizen in first")
	case !ok:
		return r, fmt.Errorf("the catalogue has no data set %q", n.DataSet)
	case !listed:
		return r, fmt.Errorf("the catalogue does not list %s", c.config.Keys.Agency)
	}
	uses, lasts := max(n.Uses, 1), n.For
	if lasts == 0 {
		lasts = time.Hour
	}
	days := n.KeepDays
	if days == 0 {
		days = int((lasts + 24*time.Hour - 1) / (24 * time.Hour))
	}
	action, wanted, err := claimsOf(n, set)
	if err != nil {
		return r, err
	}
	often, err := frequency(n.Every)
	if err != nil {
		return r, err
	}
	template, err := templateOf(n, cat)
	if err != nil {
		return r, err
	}
	now := c.config.Now()
	return consent.RequestClaims{
		Issuer: c.config.Keys.Agency, Audience: c.config.Trust.Issuer, ID: rand.Text(),
		IssuedAt: now.Unix(), Expires: now.Add(waitFor).Unix(),
		Subject:      consent.SubjectCommitment([32]byte(salt), n.Subject),
		RecipientKey: consent.RecipientKey{KEM: envelope.KEM, Public: consent.Encode(public)},
		Details: []consent.Detail{{
			Type: consent.TransferType, Locations: []string{set.Provider}, Actions: []string{action},
			DataTypes: []string{set.ID}, SchemaHash: set.Hash(), Claims: wanted, Purpose: n.Purpose,
			MaxUses: uses, Validity: consent.Duration{Seconds: int64(lasts / time.Second)},
			Retention: "P" + strconv.Itoa(days) + "D", Jurisdiction: self.Jurisdiction,
			LegalBasis: consent.LegalBasis{Kind: consent.BasisConsent}, Frequency: often, DataRange: dates(n.Range),
			Template: template,
		}},
	}, nil
}

// templateOf is the template that a need is asked by, in its newest version.
func templateOf(n Need, cat *catalogue.Catalogue) (*consent.TemplateRef, error) {
	all := cat.TemplatesOf(n.Purpose)
	var names []string
	for _, t := range all {
		if t.ID == n.Template || n.Template == "" && len(all) == 1 {
			return &consent.TemplateRef{ID: t.ID, Version: t.Version}, nil
		}
		names = append(names, t.ID)
	}
	if n.Template == "" && len(all) == 0 {
		return nil, nil
	}
	return nil, fmt.Errorf("Need.Template %q is not one of the purpose's: %q", n.Template, names)
}

// claimsOf chooses derived claims where the catalogue derives all that is
// asked: a fact rather than the value it comes from.
func claimsOf(n Need, set catalogue.DataSet) (string, []consent.RequestedClaim, error) {
	var wanted []consent.RequestedClaim
	for _, name := range n.Claims {
		wanted = append(wanted, consent.RequestedClaim{Name: name})
	}
	for _, name := range n.Optional {
		wanted = append(wanted, consent.RequestedClaim{Name: name, Optional: true})
	}
	derived, fields := true, true
	for _, w := range wanted {
		_, isDerived := set.Derivation(w.Name)
		_, isField := set.Field(w.Name)
		derived, fields = derived && isDerived, fields && isField
	}
	switch {
	case len(wanted) == 0:
		return "", nil, errors.New("Need.Claims is empty")
	case derived:
		return consent.ActionDerive, wanted, nil
	case fields:
		return consent.ActionRelease, wanted, nil
	}
	return "", nil, fmt.Errorf("the claims are neither all derived claims nor all fields of %q", set.ID)
}

// grantRow is what a grant needs for its next use: kind "grant", key its id.
type grantRow struct {
	askRow
	Terms   json.RawMessage `json:"terms,omitempty"` // absent until the first token of a bundle's part
	Refresh string          `json:"refresh,omitempty"`
	// Named is the grant's id where the refresh token is for several grants.
	Named string `json:"named,omitempty"`
}

func (g grantRow) sent(use int) (transfer.Sent, error) {
	t, err := consent.ParseTerms(g.Terms)
	if err != nil {
		return transfer.Sent{}, err
	}
	if len(g.Salt) != 32 {
		return transfer.Sent{}, errors.New("the journal's grant is damaged")
	}
	return transfer.Sent{Request: g.Request, Subject: g.Subject, Salt: [32]byte(g.Salt), Terms: t, Use: use}, nil
}

// Complete completes a request for data: state is the one of the browser's
// session, query what the browser brought to the redirect URI. A citizen who
// said no is an *Error with By "citizen" and Reason "denied".
func (c *Consumer) Complete(ctx context.Context, state string, query url.Values) (*Release, error) {
	code, ask, err := returned[askRow](ctx, c, "ask", state, query)
	if err != nil {
		return nil, err
	}
	proofs, err := ask.proofs(c.config.Now)
	if err != nil {
		return nil, err
	}
	t, err := c.hub.redeem(ctx, code, ask.authorization, proofs)
	if err != nil {
		return nil, fmt.Errorf("complete: %w", err)
	}
	who, err := c.hub.identity(t.ID, ask.Nonce)
	if err != nil {
		return nil, err
	}
	if who.Sub != ask.Subject {
		return nil, refusal("other_person", "subject", "citizen", "another person answered than the one who is logged in here")
	}
	return c.use(ctx, grantRow{askRow: ask}, t)
}

// Again makes the next use of a grant. A grant that ended is an *Error whose
// Reason says how: "withdrawn", "expired", "consumed", "paused". An earlier
// use whose answer was lost is finished first; one that was received just
// before a crash is what Last answers.
func (c *Consumer) Again(ctx context.Context, grantID string) (*Release, error) {
	if err := c.promises.allow(ctx); err != nil {
		return nil, err
	}
	g, err := kept[grantRow](ctx, c.config.Journal, "grant", grantID)
	if errors.Is(err, ErrAbsent) {
		return nil, refusal("unknown_grant", "grant", "consumer", "this journal has no such grant")
	}
	if err != nil {
		return nil, err
	}
	if err := c.unsaid(ctx, grantID); err != nil {
		return nil, err
	}
	if r, found, err := c.resume(ctx, g, grantID); found {
		return r, err
	}
	if err := c.over(ctx, grantID); err != nil {
		return nil, err
	}
	if g.Refresh == "" {
		return nil, refusal("consumed", "grant", "consumer", "it was for one use")
	}
	proofs, err := g.proofs(c.config.Now)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}}
	if g.Named != "" {
		named, err := naming(g.Named)
		if err != nil {
			return nil, err
		}
		form.Set("authorization_details", named)
	}
	t, err := c.hub.token(ctx, form, proofs)
	if err != nil {
		return nil, fmt.Errorf("again: %w", err)
	}
	if t.Refresh == "" {
		t.Refresh = g.Refresh
	}
	return c.use(ctx, g, t)
}
