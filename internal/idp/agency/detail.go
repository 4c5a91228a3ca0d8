package agency

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/jcs"
)

// tokenLife is how long a consumer has to bring a token to the provider.
const tokenLife = time.Minute

// People is what tokens need to know of a citizen.
type People interface {
	// Pairwise answers the citizen's sub at an agency.
	Pairwise(ctx context.Context, citizen, sector string) (string, error)
	// Resident answers the register's entry of a citizen.
	Resident(ctx context.Context, citizen string) (account.Resident, error)
	// OrderSalts open the officers' orders of a passkey history.
	OrderSalts(ctx context.Context, history []approval.KeyRecord) ([]approval.Bytes, error)
}

// Transfers is the detail type of consented transfers (RFC 9396): a request
// becomes a grant's first event, a token the right to its next use.
type Transfers struct {
	Ledger    *consent.Ledger
	People    People
	Proofs    receipt.Proofs
	Catalogue func() *catalogue.Catalogue
}

var _ oauth.DetailType = (*Transfers)(nil)

// Type is the value of the member "type".
func (t *Transfers) Type() string { return consent.TransferType }

// Validate hands the consumer's signed requests to the ledger: one, or those of a
// bundle. The openings of their subject commitments come in the request object
// and stay here.
func (t *Transfers) Validate(ctx context.Context, c registry.Client, details []json.RawMessage, requestObject json.RawMessage) ([]string, error) {
	if len(requestObject) == 0 {
		return nil, invalid("request object", "a transfer is asked for in a signed request object", nil)
	}
	sub, salts, err := openings(requestObject, len(details))
	if err != nil {
		return nil, err
	}
	asked := make([]consent.Requested, len(details))
	for i, detail := range details {
		var pushed struct {
			Type    string `json:"type"`
			Request string `json:"request"`
		}
		if err := jcs.Unmarshal(detail, &pushed); err != nil {
			return nil, invalid("authorization_details", "it is not an object with type and request", err)
		}
		asked[i] = consent.Requested{Client: c.ID, Agency: c.Agency, JWS: pushed.Request, Sub: sub, Salt: salts[i]}
	}
	records, err := t.Ledger.RequestAll(ctx, asked)
	if err != nil {
		return nil, refusal("invalid_authorization_details", err)
	}
	refs := make([]string, len(records))
	for i, record := range records {
		refs[i] = string(record.Grant)
	}
	return refs, nil
}

// openings are the person's sub at the consumer, and a salt for each request:
// mydata_subject {sub, salt}, or {sub, salts} for a bundle.
func openings(requestObject json.RawMessage, n int) (sub string, salts [][32]byte, err error) {
	var object struct {
		Subject struct {
			Sub   string   `json:"sub"`
			Salt  string   `json:"salt"`
			Salts []string `json:"salts"`
		} `json:"mydata_subject"`
	}
	if err := jcs.Unmarshal(requestObject, &object); err != nil {
		return "", nil, invalid("mydata_subject", "it is not an object with sub and salt", err)
	}
	texts := object.Subject.Salts
	if texts == nil {
		texts = []string{object.Subject.Salt}
	}
	if len(texts) != n {
		return "", nil, invalid("mydata_subject", "it opens another number of requests", nil)
	}
	for _, text := range texts {
		salt, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(salt) != 32 || object.Subject.Sub == "" {
			return "", nil, invalid("mydata_subject", "sub and a salt of 32 bytes are needed", err)
		}
		salts = append(salts, [32]byte(salt))
	}
	return object.Subject.Sub, salts, nil
}

// Select reads which grant a token is asked for.
func (t *Transfers) Select(detail json.RawMessage) (string, error) {
	var wanted struct {
		Type    string `json:"type"`
		GrantID string `json:"grant_id"`
	}
	if err := jcs.Unmarshal(detail, &wanted); err != nil || wanted.GrantID == "" {
		return "", invalid("grant_id", "the element names no grant", err)
	}
	return wanted.GrantID, nil
}

// Authorize decides about the token for the next use.
func (t *Transfers) Authorize(ctx context.Context, c registry.Client, citizen, ref string) (oauth.Authorized, error) {
	next, err := t.Ledger.NextUse(ctx, consent.GrantID(ref), c.ID)
	if err == nil && next.Record.Citizen != citizen {
		err = consent.ErrForeign
	}
	if err != nil {
		return oauth.Authorized{}, refusal("invalid_grant", err)
	}
	sealed, err := t.seal(ctx, next)
	if err != nil {
		return oauth.Authorized{}, err
	}
	detail := transfer.Detail{
		Type: consent.TransferType, GrantID: ref, Terms: next.Record.Terms, Use: next.Use, Consumer: next.Record.Consumer,
	}
	details, err := json.Marshal([]any{response{
		Type: detail.Type, GrantID: ref, Use: detail.Use, Consumer: detail.Consumer,
		Locations: []string{next.Record.Provider}, Terms: next.Terms,
	}})
	if err != nil {
		return oauth.Authorized{}, fmt.Errorf("token details: %w", err)
	}
	return oauth.Authorized{
		Audience: next.Record.Provider, TTL: tokenLife, Claims: transfer.Claims(detail, sealed), Details: details,
	}, nil
}

// response is the element of the token response's authorization_details: the
// token's own, with the whole terms in place of their digest.
type response struct {
	Type      string        `json:"type"`
	GrantID   string        `json:"grant_id"`
	Use       int           `json:"use"`
	Consumer  string        `json:"consumer"`
	Locations []string      `json:"locations"`
	Terms     consent.Terms `json:"terms"`
}

// seal encrypts to the provider what nobody else may read: who it is there, and
// the citizen's approval with proofs.
func (t *Transfers) seal(ctx context.Context, next consent.Authorized) (string, error) {
	cat := t.Catalogue()
	if cat == nil {
		return "", errors.New("seal: no catalogue is published")
	}
	provider, ok := cat.Agency(next.Record.Provider)
	if !ok || provider.EncryptionKey == nil {
		return "", refusal("invalid_grant", &consent.CheckError{Check: "provider", Cause: "it has no encryption key in the catalogue"})
	}
	sub, err := t.People.Pairwise(ctx, next.Record.Citizen, provider.ID)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	resident, salts, err := t.resident(ctx, provider, next)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	proved, err := receipt.Prove(wait, t.Proofs, next.Approval)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return transfer.Seal(transfer.Sealed{
		Subject: sub, ResidentID: resident, OrderSalts: salts, SubjectSalt: consent.Encode(next.SubjectSalt[:]), Approval: proved,
	}, *provider.EncryptionKey)
}

// resident is who it is, and the opening of the officers' orders that says so
// beside us, where the catalogue entitles the provider to know.
func (t *Transfers) resident(ctx context.Context, provider catalogue.Agency, next consent.Authorized) (string, []approval.Bytes, error) {
	if !provider.ResidentID {
		return "", nil, nil
	}
	entry, err := t.People.Resident(ctx, next.Record.Citizen)
	if errors.Is(err, account.ErrNotFound) {
		err = refusal("invalid_grant", &consent.CheckError{Check: "resident", Cause: "the provider cannot be told who the person is"})
	}
	if err != nil {
		return "", nil, err
	}
	salts, err := t.People.OrderSalts(ctx, next.Approval.History)
	return entry.ID, salts, err
}

func invalid(check, cause string, err error) error {
	return &oauth.Refusal{Code: "invalid_authorization_details", Description: check + ": " + cause, Err: err}
}

// refusal puts the reason's word first, for programs to branch on.
func refusal(code string, err error) error {
	p, known := problemOf(err)
	switch {
	case known && p.Status == http.StatusServiceUnavailable: // the request is not to blame
		return again{err}
	case !known || p.Status >= http.StatusInternalServerError: // which says nothing of what was asked
		return err
	}
	word := p.Code
	if word == "check_failed" {
		word = p.Check
	}
	return &oauth.Refusal{Code: code, Description: plain(word + ": " + p.Cause), Err: err}
}

// again is what did not come about, or may have: the same may be sent again.
type again struct{ error }

func (a again) Unwrap() error   { return a.error }
func (again) Unavailable() bool { return true }

// plain keeps to the characters of error_description (RFC 6749, 5.2).
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == '\\', r < 0x20, r > 0x7e:
			return '?'
		}
		return r
	}, text)
}
