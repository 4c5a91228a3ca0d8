package receipt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// forger is whoever makes a receipt with the keys of others in hand.
type forger struct {
	t     *testing.T
	w     *consenttest.World
	trust consent.Trust
	r     receipt.Receipt
}

// commit signs another commit of use 1 and names it in the events.
func (f *forger) commit(by consenttest.Agency, bend func(*consent.CommitClaims)) {
	f.t.Helper()
	c, err := consent.OpenCommit(f.r.Commits[0], f.trust.AgencyRoots)
	ok(f.t, "commit", err)
	c.Issuer = by.ID
	bend(&c)
	f.r.Commits[0], err = consent.SignCommit(c, by.Key, by.Chain)
	ok(f.t, "sign", err)
	f.r.Events[2].Event.Commit = consent.DigestOf(f.r.Commits[0])
	f.r.Events[3].Event.Commit = f.r.Events[2].Event.Commit
}

// received countersigns it again.
func (f *forger) received(by consenttest.Agency, bend func(*consent.ReceivedClaims)) {
	f.t.Helper()
	c, err := consent.OpenReceived(f.r.Received[0], f.trust.AgencyRoots)
	ok(f.t, "received", err)
	c.Issuer = by.ID
	bend(&c)
	f.r.Received[0], err = consent.SignReceived(c, by.Key, by.Chain)
	ok(f.t, "sign", err)
	f.r.Events[3].Event.Receipt = consent.DigestOf(f.r.Received[0])
}

// record lets the hub sign another state.
func (f *forger) record(bend func(*consent.RecordClaims)) {
	f.t.Helper()
	c, err := consent.OpenRecord(f.r.Record, f.trust.HubKeys)
	ok(f.t, "record", err)
	bend(&c)
	payload, err := json.Marshal(c)
	ok(f.t, "marshal", err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.w.Hub},
		(&jose.SignerOptions{}).WithType(consent.RecordJWT).WithHeader("kid", f.trust.HubKeys.Keys[0].KeyID))
	ok(f.t, "signer", err)
	object, err := signer.Sign(payload)
	ok(f.t, "sign", err)
	f.r.Record, err = object.CompactSerialize()
	ok(f.t, "serialize", err)
}

// Each rule by its own words, whoever else notices the same.
func TestVerifySays(t *testing.T) {
	for _, c := range []struct {
		name, check, says string
		bend              func(f *forger)
	}{
		{"another schema", "receipt form", "schema_version", func(f *forger) { f.r.SchemaVersion = "x" }},
		{"no events", "receipt form", "no events", func(f *forger) { f.r.Events = nil }},
		{"another receipt id", "receipt form", "receipt_id", func(f *forger) { f.r.ID += "0" }},
		{"another hub's address", "request signature", "addressed to", func(f *forger) { f.trust.Issuer = "https://x" }},
		{"another request", "events legal", "another request", func(f *forger) { f.r.Request = f.w.Request(ada, nil).JWS }},
		{"another grant's events", "events legal", "another grant's", func(f *forger) { f.r.Terms.GrantID = "x" }},
		{"another consumer's events", "events legal", "other agencies", func(f *forger) { f.r.Terms.Controller = f.w.Provider.ID }},
		{"another provider's events", "events legal", "other agencies", func(f *forger) { f.r.Terms.Provider.ID = f.w.Consumer.ID }},
		{"a request alone", "events legal", "nothing was granted", func(f *forger) { f.r.Events = f.r.Events[:1] }},
		{"an approval of nothing", "approval", "nothing was granted", func(f *forger) { f.r.Events = f.r.Events[:1] }},
		{"reworded terms", "terms digest", "other terms", func(f *forger) { f.r.Terms.Purpose.Text = "x" }},
		{"another frequency than approved", "terms digest", "bounds", func(f *forger) { f.r.Events[1].Event.Every++ }},
		{"more uses than approved", "terms digest", "bounds", func(f *forger) { f.r.Events[1].Event.MaxUses++ }},
		{"a longer time than approved", "terms digest", "bounds", func(f *forger) { f.r.Events[1].Event.Expires++ }},
		{"another approval", "approval", "another approval", func(f *forger) { f.r.Approval.Salt[0]++ }},
		{"a short salt", "event 2 (granted) in the log", "4 bytes", func(f *forger) { f.r.Events[1].Salt = f.r.Events[1].Salt[:4] }},
		{"no commit", "commit of use 1", "another commit", func(f *forger) { f.r.Commits = nil }},
		{"the consumer's commit", "commit of use 1", "signed by", func(f *forger) { f.commit(f.w.Consumer, func(*consent.CommitClaims) {}) }},
		{"another hub's commit", "commit of use 1", "addressed to", func(f *forger) {
			f.commit(f.w.Provider, func(c *consent.CommitClaims) { c.Audience = "https://x" })
		}},
		{"a commit to other terms", "commit of use 1", "another grant, use or terms", func(f *forger) {
			f.commit(f.w.Provider, func(c *consent.CommitClaims) { c.Terms = consent.DigestOf("x") })
		}},
		{"a commit to another grant", "commit of use 1", "another grant, use or terms", func(f *forger) {
			f.commit(f.w.Provider, func(c *consent.CommitClaims) { c.GrantID = "x" })
		}},
		{"a commit too many", "commits", "belong to no use", func(f *forger) { f.r.Commits = append(f.r.Commits, "x") }},
		{"no countersignature", "countersignature of use 1", "another countersignature", func(f *forger) { f.r.Received = nil }},
		{"the provider's countersignature", "countersignature of use 1", "signed by", func(f *forger) {
			f.received(f.w.Provider, func(*consent.ReceivedClaims) {})
		}},
		{"another hub's countersignature", "countersignature of use 1", "addressed to", func(f *forger) {
			f.received(f.w.Consumer, func(c *consent.ReceivedClaims) { c.Audience = "https://x" })
		}},
		{"a countersignature of another commit", "countersignature of use 1", "another grant, use or commit", func(f *forger) {
			f.received(f.w.Consumer, func(c *consent.ReceivedClaims) { c.Commit = consent.DigestOf("x") })
		}},
		{"a countersignature too many", "countersignatures", "belong to no use", func(f *forger) { f.r.Received = append(f.r.Received, "x") }},
		{"another hub's record", "hub record", "signed for", func(f *forger) { f.record(func(c *consent.RecordClaims) { c.Issuer = "https://x" }) }},
		{"a record of another place", "hub record", "another state", func(f *forger) { f.record(func(c *consent.RecordClaims) { c.Seq++ }) }},
		{"a record of another state", "hub record", "another state", func(f *forger) {
			f.record(func(c *consent.RecordClaims) { c.State = consent.StateActive })
		}},
		{"a record of other events", "hub record", "other events", func(f *forger) {
			f.record(func(c *consent.RecordClaims) { c.Events = consent.DigestOf("x") })
		}},
		{"another receipt's record", "hub record", "another receipt", func(f *forger) {
			f.record(func(c *consent.RecordClaims) { c.Receipt = consent.DigestOf("x") })
		}},
	} {
		t.Run("it names "+c.name, func(t *testing.T) {
			w, id := story(t)
			f := &forger{t, w, w.Trust, citizens(t, w, id)}
			c.bend(f)
			for _, failed := range receipt.Verify(f.r, f.trust).Failed() {
				if failed.Name == c.check {
					if !strings.Contains(failed.Detail, c.says) {
						t.Errorf("%s: %s, want %q", failed.Name, failed.Detail, c.says)
					}
					return
				}
			}
			t.Errorf("the check %q passes", c.check)
		})
	}
}

func TestVerifyNamesTheAssertionsCheck(t *testing.T) {
	w, id := story(t)
	trust := w.Trust
	trust.RP.Origin = "https://x"
	for _, c := range receipt.Verify(citizens(t, w, id), trust).Failed() {
		if c.Name == "citizen's assertion" && strings.HasPrefix(c.Detail, "origin: ") {
			return
		}
	}
	t.Error("it does not say in front which check of the assertion failed")
}

func TestNoReceiptWithoutProof(t *testing.T) {
	w, id := story(t)
	a := receipt.Assembler{Ledger: w.Ledger, Proofs: consenttest.New().Log}
	if r, err := a.ForCitizen(t.Context(), id, ada); err == nil {
		t.Errorf("it gives a receipt of events that are not in the log: %+v", r.Events)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"it refuses an unknown member", `{"more":1}`},
		{"it refuses a member twice", `{"receipt_id":"a","receipt_id":"b"}`},
		{"it refuses another type", `{"commits":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r, err := receipt.Parse([]byte(c.text)); err == nil {
				t.Errorf("it takes %+v", r)
			}
		})
	}
}
