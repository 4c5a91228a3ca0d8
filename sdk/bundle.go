package sdk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
)

// bundleRow is what waits for the browser: kind "bundle", key the state.
type bundleRow struct {
	authorization
	Parts []askRow `json:"parts"`
}

// Part is what came of one of a bundle's needs. Release and Err: one is nil.
type Part struct {
	// GrantID stays good where Err is not final: Again fetches what is missing.
	GrantID string
	Release *Release
	Err     error
}

// AskBundle asks for several things at once, on one page and with one
// signature: each a grant of its own, with a key of its own, which the citizen
// can leave out, and which lives and dies alone. All are about one person.
func (c *Consumer) AskBundle(ctx context.Context, needs []Need) (Redirect, error) {
	if err := c.promises.allow(ctx); err != nil {
		return Redirect{}, err
	}
	if len(needs) < 2 || len(needs) > consent.MaxBundle {
		return Redirect{}, fmt.Errorf("ask: %d needs; 2 to %d go together", len(needs), consent.MaxBundle)
	}
	cat, err := c.listing.get(ctx, 0)
	if err != nil {
		return Redirect{}, fmt.Errorf("ask: %w", err)
	}
	a, proofs, err := newAuthorization()
	if err != nil {
		return Redirect{}, err
	}
	row := bundleRow{authorization: a}
	bundle := consent.Bundle{ID: rand.Text(), Count: len(needs)}
	var details []any
	var salts []string
	for i, n := range needs {
		if n.Subject != needs[0].Subject {
			return Redirect{}, errors.New("ask: the needs are about several people")
		}
		bundle.Index = i
		part, err := c.part(n, cat, bundle)
		if err != nil {
			return Redirect{}, fmt.Errorf("ask: need %d: %w", i, err)
		}
		part.authorization = a
		row.Parts = append(row.Parts, part)
		details = append(details, map[string]any{"type": consent.TransferType, "request": part.Request})
		salts = append(salts, consent.Encode(part.Salt))
	}
	state := rand.Text()
	to, err := c.hub.push(ctx, state, a, proofs.JKT(), map[string]any{
		"authorization_details": details,
		"mydata_subject":        map[string]any{"sub": needs[0].Subject, "salts": salts},
	})
	if err != nil {
		return Redirect{}, fmt.Errorf("ask: %w", err)
	}
	return Redirect{to, state}, c.keep(ctx, "bundle", state, row, c.config.Now().Add(waitFor))
}

// part signs one request of a bundle, with a key and a salt of its own.
func (c *Consumer) part(n Need, cat *catalogue.Catalogue, of consent.Bundle) (askRow, error) {
	row := askRow{Subject: n.Subject, Salt: make([]byte, 32)}
	rand.Read(row.Salt)
	key, err := envelope.Generate()
	if err != nil {
		return row, err
	}
	if row.Recipient, err = key.Bytes(); err != nil {
		return row, err
	}
	claims, err := c.request(n, cat, key.Public(), row.Salt)
	if err != nil {
		return row, err
	}
	claims.Details[0].Bundle = &of
	row.Request, err = consent.SignRequest(claims, c.config.Keys.Signer, c.config.Keys.Chain)
	return row, err
}

// CompleteBundle completes what AskBundle began, with a Part for each need, in
// their order. What fails of one part leaves the others as they are: a part that
// the citizen left out is an *Error with By "citizen" and Reason "denied"; one
// whose provider did not answer can be had by Again.
func (c *Consumer) CompleteBundle(ctx context.Context, state string, query url.Values) ([]Part, error) {
	code, b, err := returned[bundleRow](ctx, c, "bundle", state, query)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(b.Parts))
	for i, ask := range b.Parts {
		parts[i].GrantID = string(consent.GrantOf(consent.DigestOf(ask.Request)))
	}
	first, t, err := c.redeemBundle(ctx, code, b, parts)
	if err != nil || first == len(parts) {
		return parts, err
	}
	who, err := c.hub.identity(t.ID, b.Nonce)
	if err != nil {
		return nil, err
	}
	if who.Sub != b.Parts[0].Subject {
		return nil, refusal("other_person", "subject", "citizen", "another person answered than the one who is logged in here")
	}
	for i := first; i < len(parts); i++ { // none is forgotten when the first takes long, or we end
		g := grantRow{askRow: b.Parts[i], Refresh: t.Refresh, Named: parts[i].GrantID}
		if err := c.keep(ctx, "grant", g.Named, g, time.Time{}); err != nil {
			return nil, err
		}
	}
	for i := first; i < len(parts); i++ {
		if i == first {
			parts[i].Release, parts[i].Err = c.use(ctx, grantRow{askRow: b.Parts[i], Named: parts[i].GrantID}, t)
		} else {
			parts[i].Release, parts[i].Err = c.Again(ctx, parts[i].GrantID)
		}
		parts[i].Err = byCitizen(parts[i].Err)
		if e, ok := errors.AsType[*Error](parts[i].Err); ok && e.By == "citizen" && e.Reason == "denied" {
			if err := c.Forget(ctx, parts[i].GrantID); err != nil {
				return nil, err
			}
		}
	}
	return parts, nil
}

// redeemBundle exchanges the code for a token of the first part that gives one.
// A refusal of a part does not spend the code.
func (c *Consumer) redeemBundle(ctx context.Context, code string, b bundleRow, parts []Part) (int, tokens, error) {
	proofs, err := b.proofs(c.config.Now)
	if err != nil {
		return 0, tokens{}, err
	}
	for i := range parts {
		named, err := naming(parts[i].GrantID)
		if err != nil {
			return 0, tokens{}, err
		}
		t, err := c.hub.token(ctx, url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.config.RedirectURI}, "code_verifier": {b.Verifier},
			"authorization_details": {named},
		}, proofs)
		if err == nil {
			return i, t, nil
		}
		if !slices.Contains(tokenless, Reason(err)) {
			return 0, t, fmt.Errorf("complete: %w", err)
		}
		parts[i].Err = byCitizen(err)
	}
	return len(parts), tokens{}, nil
}

// tokenless are the words for why one grant gives no token, which say nothing of
// another.
var tokenless = []string{"denied", "cancelled", "withdrawn", "expired", "paused", "consumed", "too_soon", "superseded", "invalidated"}

// byCitizen says who left a part out: the hub only tells. A provider's word for its
// own refusal says nothing of the citizen.
func byCitizen(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Reason == "denied" && e.By == "hub" {
		told := *e
		told.By, told.Mender = "citizen", "citizen"
		return &told
	}
	return err
}

// naming is the authorization_details of a token request for one grant of
// several (RFC 9396, 6).
func naming(grantID string) (string, error) {
	text, err := json.Marshal([]any{map[string]string{"type": consent.TransferType, "grant_id": grantID}})
	return string(text), err
}
