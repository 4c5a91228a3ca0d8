package agency_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/idp/agency"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

func (s *site) client() registry.Client {
	return registry.Client{ID: consenttest.Client, Agency: s.Consumer.ID}
}

// pushed is what the consumer pushes: the detail and its request object.
func (s *site) pushed(in consent.Requested) (detail, object json.RawMessage) {
	detail, _ = json.Marshal(map[string]string{"type": consent.TransferType, "request": in.JWS})
	object, _ = json.Marshal(map[string]any{"mydata_subject": map[string]string{"sub": in.Sub, "salt": consent.Encode(in.Salt[:])}})
	return detail, object
}

// validate pushes one detail.
func (s *site) validate(t *testing.T, detail, object json.RawMessage) (string, error) {
	t.Helper()
	refs, err := s.transfers.Validate(t.Context(), s.client(), []json.RawMessage{detail}, object)
	return strings.Join(refs, " "), err
}

func refusal(t *testing.T, what string, err error, code, word string) {
	t.Helper()
	r, found := errors.AsType[*oauth.Refusal](err)
	if !found || r.Code != code || !strings.HasPrefix(r.Description, word+":") {
		t.Errorf("%s: %v; want %s, %s", what, err, code, word)
	}
}

//clause:as RFC 9396: a type registered by its owner
func TestTransfer(t *testing.T) {
	ctx := t.Context()
	s := newSite(t)
	ref, err := s.validate(t, first(s.pushed(s.Request(ada, nil))), second(s.pushed(s.Request(ada, nil))))
	refusal(t, "another request's opening", err, "invalid_authorization_details", "subject")
	if ref != "" {
		t.Error("a reference for a refused request")
	}
	detail, object := s.pushed(s.Request(ada, nil))
	ref, err = s.validate(t, detail, object)
	ok(t, "validate", err)
	_, err = s.transfers.Authorize(ctx, s.client(), ada, ref)
	refusal(t, "a token before the decision", err, "invalid_grant", "pending")
	record, err := s.Approve(ctx, consent.GrantID(ref), ada, s.passkey, "vision_ok", "hearing_ok")
	ok(t, "approve", err)
	_, err = s.transfers.Authorize(ctx, s.client(), bea, ref)
	refusal(t, "a token for another citizen", err, "invalid_grant", "unknown_grant")
	_, err = s.transfers.Authorize(ctx, registry.Client{ID: "other"}, ada, ref)
	refusal(t, "a token for another client", err, "invalid_grant", "unknown_grant")
	given, err := s.transfers.Authorize(ctx, s.client(), ada, ref)
	ok(t, "authorize", err)
	if given.Audience != s.Provider.ID || given.TTL != time.Minute {
		t.Errorf("token for %q, %v", given.Audience, given.TTL)
	}
	checkToken(t, s, given, record)
	checkResponse(t, given, record)
	_, err = s.Ledger.Use(ctx, s.Commit(record, 1, nil))
	ok(t, "use", err)
	_, err = s.Ledger.Withdraw(ctx, record.Grant, ada)
	ok(t, "withdraw", err)
	_, err = s.transfers.Authorize(ctx, s.client(), ada, ref)
	refusal(t, "a token after withdrawal", err, "invalid_grant", "withdrawn")
}

func first(a, _ json.RawMessage) json.RawMessage  { return a }
func second(_, b json.RawMessage) json.RawMessage { return b }

// checkToken opens the sealed part as the provider does: who it is there, and an
// approval that holds.
func checkToken(t *testing.T, s *site, given oauth.Authorized, record consent.Record) {
	t.Helper()
	details, _ := given.Claims["authorization_details"].([]transfer.Detail)
	if len(details) != 1 || details[0].Use != 1 || details[0].Terms != record.Terms || details[0].Consumer != s.Consumer.ID {
		t.Errorf("details %+v", given.Claims)
	}
	sealed, _ := given.Claims["mydata_sealed"].(string)
	open, err := transfer.Open(sealed, s.Provider.Encryption)
	ok(t, "open", err)
	sub, err := s.People.Pairwise(t.Context(), ada, s.Provider.ID)
	ok(t, "sub", err)
	if open.Subject != sub || open.ResidentID != ada {
		t.Errorf("sealed for %q, %q", open.Subject, open.ResidentID)
	}
	digest, err := record.Agreed.Digest()
	ok(t, "digest", err)
	ok(t, "approval", open.Approval.Verify(digest, s.Trust.RP, s.Trust.Officers))
	ok(t, "passkey inclusion", open.Approval.Included(s.Trust.Log))
	if _, err := transfer.Open(sealed, s.Consumer.Encryption); err == nil {
		t.Error("the consumer can open it")
	}
	claims, err := json.Marshal(given.Claims)
	ok(t, "marshal", err)
	if strings.Contains(string(claims), sub) || strings.Contains(string(claims), ada) {
		t.Error("the token shows who it is to everybody")
	}
}

// checkResponse: the consumer gets the whole terms.
func checkResponse(t *testing.T, given oauth.Authorized, record consent.Record) {
	t.Helper()
	var details []struct {
		GrantID string          `json:"grant_id"`
		Terms   json.RawMessage `json:"terms"`
	}
	ok(t, "details", json.Unmarshal(given.Details, &details))
	terms, err := consent.ParseTerms(details[0].Terms)
	ok(t, "terms", err)
	digest, err := terms.Digest()
	ok(t, "digest", err)
	if len(details) != 1 || details[0].GrantID != string(record.Grant) || consent.Encode(digest[:]) != record.Terms {
		t.Errorf("details %s", given.Details)
	}
}

// An agency that is not entitled to the resident identifier does not get it.
func TestTransferWithoutResidentID(t *testing.T) {
	s := newSite(t)
	s.Catalogue.Agencies[0].ResidentID = false
	record := s.Granted(t.Context(), ada, s.passkey)
	given, err := s.transfers.Authorize(t.Context(), s.client(), ada, string(record.Grant))
	ok(t, "authorize", err)
	open, err := transfer.Open(given.Claims["mydata_sealed"].(string), s.Provider.Encryption)
	ok(t, "open", err)
	if open.ResidentID != "" {
		t.Error("it names the resident")
	}
}

// moved is a register that has lost everybody.
type moved struct{ agency.People }

func (moved) Resident(context.Context, string) (account.Resident, error) {
	return account.Resident{}, fmt.Errorf("resident: %w", account.ErrNotFound)
}

// Who is not in the register any more is nobody to a provider that knows people by it:
// that is said, and is no fault of the hub's.
func TestTransferOfSomebodyWhoLeft(t *testing.T) {
	s := newSite(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	s.transfers.People = moved{s.transfers.People}
	_, err := s.transfers.Authorize(t.Context(), s.client(), ada, string(record.Grant))
	refusal(t, "a token for somebody who left the register", err, "invalid_grant", "resident")
	s.Catalogue.Agencies[0].ResidentID = false
	_, err = s.transfers.Authorize(t.Context(), s.client(), ada, string(record.Grant))
	ok(t, "a provider that does not know people by the register", err)
}

func TestTransferWaitsForTheLog(t *testing.T) {
	s := newSite(t)
	record := s.Granted(t.Context(), ada, s.passkey)
	s.transfers.Proofs = slow{}
	if _, err := s.transfers.Authorize(t.Context(), s.client(), ada, string(record.Grant)); err == nil {
		t.Error("a token without proof of the passkey's history")
	}
}

// Nothing is sealed to nobody: a provider that left the catalogue, or has no key
// in it, gets no token.
func TestTransferNeedsTheProvidersKey(t *testing.T) {
	for name, bend := range map[string]func(*catalogue.Catalogue) *catalogue.Catalogue{
		"it refuses without a catalogue": func(*catalogue.Catalogue) *catalogue.Catalogue { return nil },
		"it refuses a provider that left": func(c *catalogue.Catalogue) *catalogue.Catalogue {
			return &catalogue.Catalogue{DataSets: c.DataSets}
		},
		"it refuses a provider without a key": func(c *catalogue.Catalogue) *catalogue.Catalogue {
			bent := *c
			bent.Agencies = slices.Clone(c.Agencies)
			for i := range bent.Agencies {
				bent.Agencies[i].EncryptionKey = nil
			}
			return &bent
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			record := s.Granted(t.Context(), ada, s.passkey)
			bent := bend(s.Catalogue)
			s.transfers.Catalogue = func() *catalogue.Catalogue { return bent }
			given, err := s.transfers.Authorize(t.Context(), s.client(), ada, string(record.Grant))
			if bent != nil {
				refusal(t, name, err, "invalid_grant", "provider")
			}
			if err == nil {
				t.Errorf("sealed: %+v", given)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	s := newSite(t)
	detail, object := s.pushed(s.Request(ada, nil))
	for name, c := range map[string]struct {
		client         registry.Client
		detail, object string
		word           string
	}{
		"it refuses another agency's client": {registry.Client{ID: "x", Agency: "urn:x"}, string(detail), string(object), "iss"},
		"it refuses a client of no agency":   {registry.Client{ID: "x"}, string(detail), string(object), "iss"},
		"it refuses no request object":       {s.client(), string(detail), "", "request object"},
		"it refuses a stray request object":  {s.client(), string(detail), `[]`, "mydata_subject"},
		"it refuses a request object that says a thing twice": {s.client(), string(detail),
			strings.TrimSuffix(string(object), "}") + `,"state":"a","state":"b"}`, "mydata_subject"},
		"it refuses no opening":          {s.client(), string(detail), `{}`, "mydata_subject"},
		"it refuses a short salt":        {s.client(), string(detail), `{"mydata_subject":{"sub":"a","salt":"AAAA"}}`, "mydata_subject"},
		"it refuses a stray detail":      {s.client(), `[]`, string(object), "authorization_details"},
		"it refuses a doubled member":    {s.client(), `{"type":"a","request":"b","request":"c"}`, string(object), "authorization_details"},
		"it refuses an unsigned request": {s.client(), `{"type":"a","request":"a.b.c"}`, string(object), "request signature"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.transfers.Validate(context.Background(), c.client, []json.RawMessage{json.RawMessage(c.detail)}, json.RawMessage(c.object))
			refusal(t, name, err, "invalid_authorization_details", c.word)
		})
	}
}

// full is a ledger's store on a disk without room.
type full struct{ consent.Store }

var errFull = errors.New("the disk is full")

func (full) Commit(context.Context, consent.Commit) (bool, error) { return false, errFull }

// crowded has another be first each time.
type crowded struct{ consent.Store }

func (crowded) Commit(context.Context, consent.Commit) (bool, error) {
	return false, consent.ErrConflict
}

// What the hub could not keep is no fault of the request: the same may come again.
func TestValidateBlamesNobodyForTheLedger(t *testing.T) {
	for name, broken := range map[string]func(consent.Store) consent.Store{
		"it cannot be kept":      func(s consent.Store) consent.Store { return full{s} },
		"others are first, ever": func(s consent.Store) consent.Store { return crowded{s} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			detail, object := s.pushed(s.Request(ada, nil))
			before := s.Ledger.Store
			s.Ledger.Store = broken(before)
			_, err := s.validate(t, detail, object)
			outage, again := errors.AsType[interface {
				error
				Unavailable() bool
			}](err)
			if why, refused := errors.AsType[*oauth.Refusal](err); refused || !again || !outage.Unavailable() {
				t.Errorf("%v, refused as %v", err, why)
			}
			s.Ledger.Store = before
			_, err = s.validate(t, detail, object)
			ok(t, "the same again", err)
		})
	}
}

func FuzzValidate(f *testing.F) {
	w := consenttest.New()
	w.People.Enrol(ada)
	transfers := &agency.Transfers{Ledger: w.Ledger, People: people{w.People}, Proofs: w.Log}
	client := registry.Client{ID: consenttest.Client, Agency: w.Consumer.ID}
	f.Add([]byte(`{"type":"t","request":"a.b.c"}`), []byte(`{"mydata_subject":{"sub":"a","salt":"AAAA"}}`))
	f.Add([]byte(`{"request":1}`), []byte(`{"mydata_subject":{"sub":"a","sub":"b"}}`))
	f.Add([]byte(`[]`), []byte(`null`))
	f.Fuzz(func(t *testing.T, detail, object []byte) {
		_, err := transfers.Validate(t.Context(), client, []json.RawMessage{detail}, object)
		if _, refused := errors.AsType[*oauth.Refusal](err); !refused {
			t.Fatalf("not a refusal: %v", err)
		}
	})
}

// unsure is a store of which nobody knows what it kept.
type unsure struct{ consent.Store }

func (unsure) Commit(context.Context, consent.Commit) (bool, error) {
	return false, errors.New("connection reset")
}

// An outcome that is not known yet is no refusal of what was asked: the same request
// is sent again.
func TestTransferOfUnknownOutcome(t *testing.T) {
	s := newSite(t)
	store := s.Ledger.Store
	s.Ledger.Store = unsure{store}
	detail, object := s.pushed(s.Request(ada, nil))
	_, err := s.validate(t, detail, object)
	if refused, is := errors.AsType[*oauth.Refusal](err); is || !errors.Is(err, consent.ErrKept) {
		t.Errorf("it is refused: %+v, %v", refused, err)
	}
	s.Ledger.Store = store
	if _, err := s.validate(t, detail, object); err != nil {
		t.Errorf("again: %v", err)
	}
}
