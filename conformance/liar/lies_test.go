package liar_test

import (
	"cmp"
	"crypto/sha256"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// lies that are refused before anything is loaded or leaves.
var lies = []struct {
	name      string
	play      func(t *testing.T, s *scene) error
	by, check string
}{
	{"it refuses a recipient key of the hub's own", fresh(sdktest.SwapRecipientKey), consumer, "terms follow the request"},
	{"it refuses a passkey invented for a person it knows, though both officers signed", fresh(sdktest.InventKey), provider, "pinned passkey history"},
	{"it refuses a passkey that invented officers ordered", fresh(sdktest.InventOrder), provider, "passkey history"},
	{"it refuses an approval from a page of another origin", fresh(sdktest.OtherPage), provider, "citizen's assertion"},
	{"it refuses another person's subject", fresh(sdktest.OtherSubject), provider, "subject"},
	{"it refuses proofs of a log that no witness has seen", fresh(sdktest.ForkLog), provider, "passkey inclusion"},
	{"it refuses a token for what was withdrawn, by the citizen's own word", func(t *testing.T, s *scene) error {
		signed := s.kim.MustSignWithdrawal(s.kim.MustReceipt(s.first.GrantID))
		if err := s.provider.Withdrawn(t.Context(), signed); err != nil {
			t.Fatal(err)
		}
		s.Lie(sdktest.ReleaseEndedGrant) // the hub was never told, and says yes to all
		return s.again(t)
	}, provider, "citizen's withdrawal"},
	{"it refuses an older catalogue", func(t *testing.T, s *scene) error {
		s.renewed(t)
		s.Lie(sdktest.OldCatalogue)
		s.Advance(10 * time.Minute)
		return s.again(t)
	}, consumer, "catalogue"},
	{"it refuses a newer catalogue with an older entry of an agency's own", func(t *testing.T, s *scene) error {
		s.renewed(t)
		s.Lie(sdktest.OldEntry)
		s.Advance(10 * time.Minute)
		return s.again(t)
	}, consumer, "catalogue"},
}

func fresh(l sdktest.Lie) func(t *testing.T, s *scene) error {
	return func(t *testing.T, s *scene) error {
		s.Lie(l)
		return s.fresh(t)
	}
}

// renewed has both agencies see an entry that the provider has signed anew.
func (s *scene) renewed(t *testing.T) {
	t.Helper()
	s.RenewEntry()
	s.Advance(10 * time.Minute)
	if err := s.fresh(t); err != nil {
		t.Fatal(err)
	}
}

func TestLies(t *testing.T) {
	count := 0
	for _, tt := range lies {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			var before [2]int
			s.Lie(sdktest.Honest)
			before = s.state(t)
			err := tt.play(t, s)
			refused(t, err, tt.by, tt.check)
			if after := s.state(t); after != before && tt.check != "catalogue" {
				t.Errorf("loaded and released %v, before the lie %v", after, before)
			}
		})
		count++
	}
	count += len(alterations)*3 - 1 + len(reported)
	figure.Hold(t, "lies", count, "lies of a hub with its real keys, each refused or reported by name by a provider, a consumer or a citizen")
}

// alterations of each member of the terms. signed is the check that refuses them
// when the citizen has signed them too, on a page that showed something else; ""
// where none does, since it is the hub's to choose.
var alterations = []struct {
	member string
	change func(*consent.Terms)
	signed string
	// Where it is not the usual: who refuses it of the two first, by which check at
	// the consumer, by which at the provider.
	by, consumer, provider string
}{
	{"schema_version", func(t *consent.Terms) { t.SchemaVersion = "mydata-terms/2" }, narrow, "", "", ""},
	{"grant_id", func(t *consent.Terms) { t.GrantID = "another" }, "terms", "", "", "terms"},
	{"version", func(t *consent.Terms) { t.Version++ }, narrow, "", "", ""},
	{"request", func(t *consent.Terms) { t.Request = consent.DigestOf("another") }, "terms", "", "", "terms"},
	{"catalogue", func(t *consent.Terms) { t.Catalogue-- }, possible, "provider", "", ""},
	{"subjects at the consumer", func(t *consent.Terms) { t.Subjects.Consumer = consent.DigestOf("another") }, narrow, "", "subject", ""},
	{"subjects at the provider", func(t *consent.Terms) { t.Subjects.Provider = consent.DigestOf("another") }, "subject", "provider", "", ""},
	{"notice.uri", func(t *consent.Terms) { t.Notice.URI = "https://evil.example" }, narrow, "", "", ""},
	{"notice.sha256", func(t *consent.Terms) { t.Notice.SHA256 = consent.DigestOf("another") }, narrow, "", "", ""},
	{"notice.lang", func(t *consent.Terms) { t.Notice.Lang = "fr" }, narrow, "", "", ""},
	{"controller", func(t *consent.Terms) { t.Controller = "urn:mydata:agency:other" }, "terms", "", "", "terms"},
	{"recipient.id", func(t *consent.Terms) { t.Recipient[0].ID = "urn:mydata:agency:other" }, narrow, "", "", ""},
	{"recipient.name", func(t *consent.Terms) { t.Recipient[0].Name = "A charity" }, narrow, "", "", ""},
	{"recipient", func(t *consent.Terms) { t.Recipient = append(t.Recipient, t.Recipient[0]) }, narrow, "", "", ""},
	{"provider.id", func(t *consent.Terms) { t.Provider.ID = "urn:mydata:agency:other" }, "terms", "", "", "terms"},
	{"provider.name", func(t *consent.Terms) { t.Provider.Name = "A hospital" }, narrow, "", "", ""},
	{"action", func(t *consent.Terms) { t.Action = consent.ActionRelease }, "fields", "", "", ""},
	{"data_set.id", func(t *consent.Terms) { t.DataSet.ID = "tax" }, "purpose", "", "", ""},
	{"data_set.title", func(t *consent.Terms) { t.DataSet.Title = "A little" }, narrow, "", "", ""},
	{"data_set.schema_hash", func(t *consent.Terms) { t.DataSet.SchemaHash = consent.DigestOf("another") }, "schema hash", "", "", ""},
	{"fields", func(t *consent.Terms) { t.Fields = append(t.Fields, consent.Field{Name: "remarks", Label: "소견"}) }, narrow, "", "", ""},
	{"fields.sensitive", func(t *consent.Terms) { t.Fields[0].Sensitive = true }, narrow, "", "", ""},
	{"claims", func(t *consent.Terms) {
		t.Claims = append(t.Claims, consent.Claim{Name: "remarks", Label: "소견", From: []string{"vision_left"}})
	}, "fields", "", "", ""},
	{"claims.from", func(t *consent.Terms) { t.Claims[0].From = []string{"remarks"} }, "fields", "", "", ""},
	{"claims.label", func(t *consent.Terms) { t.Claims[0].Label = "nothing" }, narrow, "", "", ""},
	{"claims.optional", func(t *consent.Terms) { t.Claims[0].Optional = true }, narrow, "", "", ""},
	{"purpose.code", func(t *consent.Terms) { t.Purpose.Code = "marketing" }, "purpose", "", "", ""},
	{"purpose.text", func(t *consent.Terms) { t.Purpose.Text = "your good" }, narrow, "", "", ""},
	{"max_uses", func(t *consent.Terms) { t.MaxUses = 99 }, "template bounds", "", "", ""},
	{"mode", func(t *consent.Terms) { t.Mode = "for ever" }, narrow, "", "", ""},
	{"template", func(t *consent.Terms) { t.Template.MaxUses = 99 }, narrow, "", "", ""},
	{"retention", func(t *consent.Terms) { t.Retention = "P3650D" }, narrow, "", "", ""},
	{"storage", func(t *consent.Terms) { t.Storage = "XX" }, narrow, "", "", ""},
	{"jurisdiction", func(t *consent.Terms) { t.Jurisdiction = "XX" }, narrow, "", "", ""},
	{"legal_basis", func(t *consent.Terms) { t.LegalBasis = consent.LegalBasis{Kind: "law", LawRef: "x"} }, narrow, "", "", ""},
	{"validity", func(t *consent.Terms) { t.Validity.Expires += 86400 }, "template bounds", "", "", ""},
	{"recipient_key", func(t *consent.Terms) { t.RecipientKey.Public = "AAAA" }, "recipient key", "", "", ""},
	{"withdrawal", func(t *consent.Terms) { t.Withdrawal.URI = "https://evil.example" }, narrow, "", "", ""},
	{"data_range", func(t *consent.Terms) { t.DataRange = &consent.DataRange{From: "1990-01-01", To: "2026-01-01"} }, narrow, "", "", ""},
	{"frequency", func(t *consent.Terms) { t.Frequency = "PT1S" }, narrow, "", "", ""},
	{"supersedes", func(t *consent.Terms) { t.Supersedes = consent.DigestOf("another") }, narrow, "", "", ""},
	{"bundle", func(t *consent.Terms) { t.Bundle = &consent.Bundle{ID: "b", Index: 0, Count: 2} }, narrow, "", "", ""},
	{"actor", func(t *consent.Terms) { t.Actor = "urn:x" }, narrow, "", "", ""},
	{"mandate", func(t *consent.Terms) { t.Mandate = []byte(`{"relation":"parent"}`) }, narrow, "", "", ""},
	{"preview", func(t *consent.Terms) { t.Preview = []byte(`true`) }, narrow, "", "", ""},
}

const (
	narrow    = "terms follow the request"
	assertion = "citizen's assertion"
	possible  = "" // TestStillPossibleTextsOfAnOlderCatalogue
)

// notice makes the notice's digest good again, where the terms can still be told.
func notice(t *consent.Terms) {
	if text, err := consent.Notice(*t); err == nil {
		sum := sha256.Sum256(text)
		t.Notice.SHA256 = consent.Encode(sum[:])
	}
}

// Each member altered after the approval is refused by the consumer, who alone is
// shown it, and by the provider, who alone is; and by the provider also when the
// citizen has signed it.
func TestAlteredTerms(t *testing.T) {
	named := map[string]bool{}
	for _, tt := range alterations {
		member, _, _ := strings.Cut(tt.member, ".")
		member, _, _ = strings.Cut(member, " ")
		named[member] = true
		t.Run(tt.member, func(t *testing.T) {
			s := open(t)
			before := s.state(t)
			whole := tt.change
			if tt.member != "notice.sha256" {
				whole = func(t *consent.Terms) { tt.change(t); notice(t) }
			}
			s.Alter(sdktest.Alteration{Change: tt.change})
			by := cmp.Or(tt.by, consumer)
			refused(t, s.fresh(t), by, cmp.Or(tt.consumer, map[string]string{consumer: narrow, provider: assertion}[by]))
			s.Alter(sdktest.Alteration{Change: tt.change, Provider: true})
			refused(t, s.fresh(t), provider, cmp.Or(tt.provider, assertion))
			if tt.signed != possible {
				s.Alter(sdktest.Alteration{Change: whole, Provider: true, Signed: true})
				refused(t, s.fresh(t), provider, tt.signed)
			}
			if after := s.state(t); after != before {
				t.Errorf("loaded and released %v, before %v", after, before)
			}
		})
	}
	terms := reflect.TypeFor[consent.Terms]()
	for i := range terms.NumField() {
		if name, _, _ := strings.Cut(terms.Field(i).Tag.Get("json"), ","); !named[name] {
			t.Errorf("nobody alters %q", name)
		}
	}
}
