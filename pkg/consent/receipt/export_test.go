package receipt_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// vocabulary is the terms of DPV 2 that exports may use: each is published
// under https://w3id.org/dpv#.
var vocabulary = strings.Fields(`Consent ConsentExpired ConsentGiven ConsentInvalidated ConsentNotice ConsentReceipt ConsentRecord
	ConsentRefused ConsentRequestDeferred ConsentRequested ConsentStatusInvalidForProcessing ConsentStatusValidForProcessing
	ConsentUnknown ConsentWithdrawn DataController DataSubject Derive DerivedPersonalData ExplicitlyExpressedConsent LegalObligation
	NonPublicDataSource Optional Organisation PersonalData Process ProcessingDuration Purpose Recipient RequestedServiceProvision
	Required SensitivePersonalData Share StorageDuration StorageLocation Store TemporalDuration ThirdParty ThirdPartyDataSource
	UntilTimeDuration Use WithdrawConsent hasApplicableLaw hasConsentControl hasConsentStatus hasContact hasContext hasDataController
	hasDataSource hasDataSubject hasDuration hasEntity hasIdentifier hasJurisdiction hasLegalBasis hasLocation hasName hasNotice
	hasPersonalData hasProcess hasProcessing hasProcessingCondition hasPurpose hasRecipient hasStorageCondition isExercisedAt
	isImplementedByEntity isIndicatedAtTime isIndicatedBy`)

// nodes calls f with each member of each object of a document.
func nodes(v any, f func(key string, value any)) {
	switch x := v.(type) {
	case map[string]any:
		for key, value := range x {
			f(key, value)
			nodes(value, f)
		}
	case []any:
		for _, value := range x {
			nodes(value, f)
		}
	}
}

func plain(t *testing.T, v any) (doc map[string]any, text string) {
	t.Helper()
	raw, err := json.Marshal(v)
	ok(t, "marshal", err)
	ok(t, "unmarshal", json.Unmarshal(raw, &doc))
	return doc, string(raw)
}

// A receipt of ISO/IEC TS 27560 has what the profile makes mandatory, says it in
// published words alone, and leaves nothing of the terms out.
//
//clause:consent ISO/IEC TS 27560 record and receipt in JSON-LD (profile dpv-27560, published DPV terms alone)
func TestExport(t *testing.T) {
	w, id := story(t)
	r := citizens(t, w, id)
	exported, err := r.Export(w.Trust.Issuer)
	ok(t, "export", err)
	doc, text := plain(t, exported)
	record, isRecord := doc["dct:hasPart"].(map[string]any)
	if !isRecord || doc["dpv:hasIdentifier"] != r.ID || record["@context"] != nil {
		t.Fatalf("no receipt of a record: %s", text)
	}
	process := record["dpv:hasProcess"].([]any)[0].(map[string]any)
	for object, members := range map[*map[string]any]string{
		&record: "dct:conformsTo dpv:hasIdentifier dpv:hasDataSubject dct:created dct:creator dct:language dpv:hasNotice dpv:hasProcess dpv:hasEntity",
		&process: "dpv:hasPurpose dpv:hasPersonalData dpv:hasProcessing dpv:hasDataController dpv:hasDataSource dpv:hasStorageCondition " +
			"dpv:hasRecipient dpv:hasLegalBasis dpv:hasJurisdiction dpv:hasConsentControl dpv:hasConsentStatus",
	} {
		for name := range strings.FieldsSeq(members) {
			if (*object)[name] == nil {
				t.Errorf("%s is missing", name)
			}
		}
	}
	context := doc["@context"].(map[string]any)
	word := func(text string) {
		prefix, name, compact := strings.Cut(text, ":")
		if compact && prefix == "dpv" && !slices.Contains(vocabulary, name) {
			t.Errorf("%s is no published term", text)
		}
	}
	nodes(doc, func(key string, value any) {
		prefix, _, _ := strings.Cut(key, ":")
		if _, known := context[prefix]; !known && !strings.HasPrefix(key, "@") && !strings.HasPrefix(key, "urn:") && !strings.HasPrefix(key, "http") {
			t.Errorf("the context does not say what %s means", key)
		}
		word(key)
		for _, one := range append(list(value), value) {
			if said, isText := one.(string); isText && key != "@context" {
				word(said)
			}
		}
	})
	_, terms := plain(t, r.Terms)
	var leaves map[string]any
	ok(t, "terms", json.Unmarshal([]byte(terms), &leaves))
	nodes(leaves, func(key string, value any) {
		for _, one := range append(list(value), value) {
			if said, isText := one.(string); isText && key != "action" && key != "kind" && !strings.Contains(text, said) {
				t.Errorf("%s %q of the terms is left out", key, said)
			}
		}
	})
	if strings.Contains(text, ada) || strings.Contains(text, "assertion") {
		t.Error("it names the citizen or opens the approval")
	}
	statuses := process["dpv:hasConsentStatus"].([]any)
	var said []string
	for _, s := range statuses {
		said = append(said, s.(map[string]any)["@type"].([]any)[0].(string))
	}
	if got := strings.Join(said, " "); got != "dpv:ConsentRequested dpv:ConsentGiven dpv:ConsentWithdrawn" {
		t.Errorf("states: %s", got)
	}
	releases := record["mydata:hasRelease"].([]any)
	if len(releases) != 1 || releases[0].(map[string]any)["mydata:received"] == nil {
		t.Errorf("releases: %v", releases)
	}
	for name := range record["dpv:hasEntity"].(map[string]any) {
		if !slices.Contains([]string{w.Consumer.ID, w.Provider.ID, w.Trust.Issuer}, name) {
			t.Errorf("who is %s?", name)
		}
	}
}

func list(v any) []any {
	all, _ := v.([]any)
	return all
}

func TestExportRefuses(t *testing.T) {
	w, id := story(t)
	r := citizens(t, w, id)
	if _, err := consent.ExportRecord(w.Trust.Issuer, r.Terms, nil); err == nil {
		t.Error("a record of nothing")
	}
	bare := r.Terms
	bare.Recipient = nil
	if _, err := consent.ExportRecord(w.Trust.Issuer, bare, []consent.Event{r.Events[0].Event}); err == nil {
		t.Error("a record for nobody")
	}
}

// What was agreed, as authorization details, is what was asked for when nothing
// was unticked, and less when something was.
//
//clause:consent RFC 9396, 2.2: what was agreed, as authorization_details
func TestDetails(t *testing.T) {
	ctx := t.Context()
	w := consenttest.New()
	passkey := w.People.Enrol(ada)
	for name, c := range map[string]struct {
		ticked []string
		claims int
	}{
		"it is the whole request":   {[]string{"vision_ok", "hearing_ok", "checked_on"}, 3},
		"it is what was left of it": {[]string{"vision_ok", "hearing_ok"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			in := w.Request(ada, nil)
			asked, err := consent.OpenRequest(in.JWS, w.Trust.AgencyRoots)
			ok(t, "open", err)
			offer, err := w.Ledger.Request(ctx, in)
			ok(t, "request", err)
			granted, err := w.Approve(ctx, offer.Grant, ada, passkey, c.ticked...)
			ok(t, "approve", err)
			details, err := consent.Details(*granted.Agreed)
			ok(t, "details", err)
			want := asked.Detail()
			want.Storage, want.Claims = want.Jurisdiction, want.Claims[:c.claims]
			_, got := plain(t, details[0].Detail)
			_, expected := plain(t, want)
			if got != expected || details[0].Identifier != granted.Grant || details[0].Terms != granted.Terms {
				t.Errorf("%s\nwant %s", got, expected)
			}
			doc, _ := plain(t, details[0]) // type and the common fields stand at the top (RFC 9396, 2.2)
			for name := range strings.FieldsSeq("type locations actions datatypes identifier") {
				if doc[name] == nil {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}
