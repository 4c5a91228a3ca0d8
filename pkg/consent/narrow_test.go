package consent_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
)

// renotice recomputes the notice, as a lying hub would.
func renotice(t *testing.T, terms consent.Terms) consent.Terms {
	t.Helper()
	text, err := consent.Notice(terms)
	ok(t, "notice", err)
	terms.Notice.SHA256 = consent.DigestOf(string(text))
	return terms
}

func copied(t *testing.T, terms consent.Terms) consent.Terms {
	t.Helper()
	raw, err := terms.Canonical()
	ok(t, "canonical", err)
	again, err := consent.ParseTerms(raw)
	ok(t, "parse", err)
	return again
}

// Whatever a hub changes between request and terms is named, also when it makes
// the notice fit.
//
//clause:consent the terms are the request, only narrower
//clause:consent what is not carried yet is refused by its name: actor, mandate, preview, predicate, law, emergency
func TestNarrowRefuses(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	next, err := w.Ledger.NextUse(ctx, r.Grant, "licence")
	ok(t, "next use", err)
	request, err := consent.OpenRequest(next.Request, w.Trust.AgencyRoots)
	ok(t, "request", err)
	ok(t, "the ledger's own terms", consent.Narrow(request, copied(t, next.Terms), w.Catalogue))
	ok(t, "without a catalogue", consent.Narrow(request, next.Terms, nil))
	for name, c := range map[string]struct {
		bend func(*consent.Terms)
		want string
	}{
		"it refuses another schema":        {func(x *consent.Terms) { x.SchemaVersion = "2" }, "terms version"},
		"it refuses another version":       {func(x *consent.Terms) { x.Version = 2 }, "terms version"},
		"it refuses a replaced grant":      {func(x *consent.Terms) { x.Supersedes = "g" }, "supersedes"},
		"it refuses an actor":              {func(x *consent.Terms) { x.Actor = "urn:x" }, "actor"},
		"it refuses a preview":             {func(x *consent.Terms) { x.Preview = json.RawMessage(`true`) }, "preview"},
		"it refuses another request":       {func(x *consent.Terms) { x.Request = consent.DigestOf("x") }, "request digest"},
		"it refuses terms of another kind": {func(x *consent.Terms) { x.SchemaVersion = "mydata-terms/2" }, "terms version"},
		"it refuses a later version":       {func(x *consent.Terms) { x.Version = 2 }, "terms version"},
		"it refuses what is not carried yet": {func(x *consent.Terms) {
			x.Mandate = json.RawMessage(`{"by":"guardian"}`)
		}, "mandate"},
		"it refuses a grant without a name":  {func(x *consent.Terms) { x.GrantID = "" }, "grant_id"},
		"it refuses to withdraw in the past": {func(x *consent.Terms) { x.Withdrawal.SLA = -1 }, "withdrawal"},
		"it refuses another person":          {func(x *consent.Terms) { x.Subjects.Consumer = consent.DigestOf("x") }, "subject"},
		"it refuses a stray commitment":      {func(x *consent.Terms) { x.Subjects.Provider = "x" }, "subject"},
		"it refuses another recipient":       {func(x *consent.Terms) { x.Recipient[0].ID = "urn:x" }, "recipient"},
		"it refuses another controller":      {func(x *consent.Terms) { x.Controller = "urn:x" }, "recipient"},
		"it refuses another provider":        {func(x *consent.Terms) { x.Provider.ID = "urn:x" }, "provider"},
		"it refuses another action":          {func(x *consent.Terms) { x.Action = consent.ActionRelease }, "action"},
		"it refuses another data set":        {func(x *consent.Terms) { x.DataSet.ID = "tax" }, "data set"},
		"it refuses another schema hash":     {func(x *consent.Terms) { x.DataSet.SchemaHash = consent.DigestOf("x") }, "schema hash"},
		"it refuses another purpose":         {func(x *consent.Terms) { x.Purpose.Code = "x" }, "purpose"},
		"it refuses more uses":               {func(x *consent.Terms) { x.MaxUses = 9 }, "max_uses"},
		"it refuses another mode":            {func(x *consent.Terms) { x.Mode = consent.ModeOnce }, "mode"},
		"it refuses longer retention":        {func(x *consent.Terms) { x.Retention = "P300D" }, "retention"},
		"it refuses other storage":           {func(x *consent.Terms) { x.Storage = "US" }, "storage"},
		"it refuses another jurisdiction":    {func(x *consent.Terms) { x.Jurisdiction = "US" }, "jurisdiction"},
		"it refuses another legal basis":     {func(x *consent.Terms) { x.LegalBasis.Kind = "law" }, "legal_basis"},
		"it refuses another recipient key":   {func(x *consent.Terms) { x.RecipientKey.Public = "x" }, "recipient_key"},
		"it refuses to withdraw elsewhere":   {func(x *consent.Terms) { x.Withdrawal.URI = "https://hub.example.evil/my" }, "withdrawal"},
		"it refuses a notice elsewhere":      {func(x *consent.Terms) { x.Notice.URI = "https://hub.example.evil/notices/" + string(x.GrantID) }, "notice address"},
		"it refuses no way to withdraw":      {func(x *consent.Terms) { x.Withdrawal.URI = "" }, "withdrawal"},
		"it refuses a longer validity":       {func(x *consent.Terms) { x.Validity.Expires++ }, "validity"},
		"it refuses a shorter validity":      {func(x *consent.Terms) { x.Validity.Expires-- }, "validity"},
		"it refuses a later validity":        {func(x *consent.Terms) { x.Validity.NotBefore += 9000; x.Validity.Expires += 9000 }, "validity"},
		"it refuses an earlier validity":     {func(x *consent.Terms) { x.Validity.NotBefore -= 90; x.Validity.Expires -= 90 }, "validity"},
		"it refuses an added claim": {func(x *consent.Terms) {
			x.Claims = append(x.Claims, consent.Claim{Name: "remarks", From: []string{"remarks"}})
		}, "claims"},
		"it refuses a swapped claim":          {func(x *consent.Terms) { x.Claims[0], x.Claims[1] = x.Claims[1], x.Claims[0] }, "claims"},
		"it refuses a missing required claim": {func(x *consent.Terms) { x.Claims = x.Claims[1:] }, "claims"},
		"it refuses a claim made required":    {func(x *consent.Terms) { x.Claims[2].Optional = false }, "claims"},
		"it refuses a claim from nowhere":     {func(x *consent.Terms) { x.Claims[0].From = nil }, "claims"},
		"it refuses an added field":           {func(x *consent.Terms) { x.Fields = append(x.Fields, consent.Field{Name: "remarks"}) }, "fields"},
		"it refuses a field twice":            {func(x *consent.Terms) { x.Fields = append(x.Fields, x.Fields[0]) }, "fields"},
		"it refuses a missing field":          {func(x *consent.Terms) { x.Fields = x.Fields[1:] }, "fields"},
		"it refuses a wider template":         {func(x *consent.Terms) { x.Template.MaxDays = 1 }, "validity"},
		"it refuses a reworded purpose":       {func(x *consent.Terms) { x.Purpose.Text = "무해한 일" }, "catalogue texts"},
		"it refuses a reworded claim":         {func(x *consent.Terms) { x.Claims[0].Label = "무해한 것" }, "catalogue texts"},
		"it refuses a renamed agency":         {func(x *consent.Terms) { x.Recipient[0].Name = "경찰청" }, "catalogue texts"},
		"it refuses a claim read elsewhere": {func(x *consent.Terms) {
			x.Claims[2].From = []string{"remarks"}
			x.Fields[3] = consent.Field{Name: "remarks", Label: "검진일"}
		}, "catalogue texts"},
		"it refuses a catalogue to come": {func(x *consent.Terms) { x.Catalogue = 9 }, "catalogue"},
	} {
		t.Run(name, func(t *testing.T) {
			terms := copied(t, next.Terms)
			c.bend(&terms)
			check(t, name, consent.Narrow(request, renotice(t, terms), w.Catalogue), c.want)
			if !strings.HasPrefix(c.want, "catalogue") {
				check(t, "without a catalogue", consent.Narrow(request, renotice(t, terms), nil), c.want)
			}
		})
	}
	t.Run("it refuses another notice", func(t *testing.T) {
		terms := copied(t, next.Terms)
		terms.Notice.SHA256 = consent.DigestOf("be calm")
		check(t, "notice", consent.Narrow(request, terms, nil), "notice")
	})
	t.Run("it still accepts under a newer catalogue, and refuses what that took away", func(t *testing.T) {
		newer := *w.Catalogue
		newer.Version = 2
		newer.Agencies = append([]catalogue.Agency{}, newer.Agencies...)
		newer.Agencies[0].Name = catalogue.Text{"en": "New name", "ko": "새 이름"}
		ok(t, "renamed agency", consent.Narrow(request, next.Terms, &newer))
		newer.DataSets = append([]catalogue.DataSet{}, newer.DataSets...)
		newer.DataSets[0].Schema = json.RawMessage(`{"type":"object"}`)
		says(t, "schema changed", consent.Narrow(request, next.Terms, &newer), "schema hash", "of no version in the catalogue")
		second := newer.DataSets[0]
		second.Version, second.Schema = 2, json.RawMessage(`{"type":"object","properties":{"vision_left":{"type":"string"}}}`)
		newer.DataSets = append([]catalogue.DataSet{}, w.Catalogue.DataSets[0], second)
		says(t, "schema drifted", consent.Narrow(request, next.Terms, &newer), "schema hash", `field "vision_left": its schema changed`)
		newer.DataSets[1].Schema = widened(t, w.Catalogue.DataSets[0].Schema)
		ok(t, "schema of another field changed", consent.Narrow(request, next.Terms, &newer))
		newer.DataSets = w.Catalogue.DataSets
		newer.Purposes = append([]catalogue.Purpose{}, newer.Purposes...)
		newer.Purposes[0].MaxUses = 1
		check(t, "fewer uses", consent.Narrow(request, next.Terms, &newer), "template")
		newer.Purposes[0].MaxUses, newer.Purposes[0].MaxDays = 2, 29
		check(t, "fewer days", consent.Narrow(request, next.Terms, &newer), "template")
		newer.Purposes[0].DataSets = nil
		check(t, "purpose narrowed", consent.Narrow(request, next.Terms, &newer), "purpose")
		newer.Purposes = nil
		check(t, "purpose gone", consent.Narrow(request, next.Terms, &newer), "purpose")
		newer.Purposes, newer.Agencies = w.Catalogue.Purposes, w.Catalogue.Agencies[:1]
		says(t, "recipient gone", consent.Narrow(request, next.Terms, &newer), "recipient", "not in the catalogue")
		newer.Agencies = w.Catalogue.Agencies[1:]
		says(t, "provider gone", consent.Narrow(request, next.Terms, &newer), "provider", "not in the catalogue")
		newer.Agencies, newer.DataSets = w.Catalogue.Agencies, nil
		says(t, "data set gone", consent.Narrow(request, next.Terms, &newer), "data set", "not in the catalogue")
	})
	t.Run("it refuses terms of no claim, where all were optional", func(t *testing.T) {
		open, terms := request, copied(t, next.Terms)
		open.Details = append([]consent.Detail{}, request.Details...)
		open.Details[0].Claims = []consent.RequestedClaim{{Name: "vision_ok", Optional: true}}
		terms.Claims, terms.Fields = nil, nil
		says(t, "no claim", consent.Narrow(open, renotice(t, terms), nil), "claims", "there is none")
	})
	t.Run("it refuses a request that it does not carry", func(t *testing.T) {
		open := request
		open.Details = nil
		check(t, "no detail", consent.Narrow(open, next.Terms, nil), "authorization_details")
	})
}

func TestNoticeRefuses(t *testing.T) {
	one := []consent.Party{{Name: "a"}}
	for _, c := range []struct {
		name, want string
		terms      consent.Terms
	}{
		{"it refuses an unknown language", "language", consent.Terms{Notice: consent.NoticeRef{Lang: "xx"}, Recipient: one}},
		{"it refuses no recipient", "recipient", consent.Terms{Notice: consent.NoticeRef{Lang: "en"}}},
		{"it refuses two recipients", "recipient", consent.Terms{Notice: consent.NoticeRef{Lang: "en"}, Recipient: append(one, one...)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := consent.Notice(c.terms)
			check(t, "notice", err, c.want)
			check(t, "its digest", consent.CheckNotice(c.terms), c.want)
		})
	}
}

//clause:consent the notice follows from the terms
func TestNotice(t *testing.T) {
	terms := consent.Terms{
		Notice: consent.NoticeRef{Lang: "en"}, Recipient: []consent.Party{{Name: "Licence", Contact: "a@b.example"}},
		Provider: consent.Party{Name: "Insurer", Contact: "c@d.example"}, Action: consent.ActionDerive,
		DataSet: consent.DataSet{Title: "Check-up"}, Fields: []consent.Field{{Label: "Left"}, {Label: "Right"}},
		Claims:  []consent.Claim{{Label: "Sees well"}, {Label: "Date", Optional: true}},
		Purpose: consent.Purpose{Text: "Renewal"}, MaxUses: 2, Validity: consent.Validity{NotBefore: 1790000000, Expires: 1792592000},
		Retention: "P30D", Storage: "KR", Jurisdiction: "KR", Withdrawal: consent.Withdrawal{URI: "https://hub.example/my"},
	}
	want := map[string]string{
		"en": `Permission to pass on your information
Who asks: Licence (a@b.example)
Who gives: Insurer (c@d.example)
What is passed on: Check-up (worked out by the giver; the values it is worked out from stay there)
- Sees well
- Date (optional, agreed to)
What the giver reads for it: Left, Right
What for: Renewal
How often: at most 2 times
From when to when: 2026-09-21 23:13 KST – 2026-10-21 23:13 KST
How long the receiver keeps it, and where: 30 days, KR
Legal basis: your consent
How to withdraw: https://hub.example/my (at any time; from then on nothing more is passed on)
`,
		"ko": `내 정보 제공 동의
요청하는 기관: Licence (a@b.example)
제공하는 기관: Insurer (c@d.example)
제공되는 항목: Check-up (제공 기관이 판정한 결과이며, 판정에 쓰인 값은 제공되지 않습니다)
- Sees well
- Date (선택 항목, 동의함)
판정을 위해 제공 기관이 확인하는 항목: Left, Right
이용 목적: Renewal
제공 횟수: 최대 2회
유효 기간: 2026-09-21 23:13 KST – 2026-10-21 23:13 KST
받는 기관의 보관 기간과 보관 국가: 30일, KR
법적 근거: 본인의 동의
동의 철회 방법: https://hub.example/my (언제든지 철회할 수 있으며, 철회한 뒤에는 더 이상 제공되지 않습니다)
`,
	}
	for lang, text := range want {
		terms.Notice.Lang = lang
		got, err := consent.Notice(terms)
		ok(t, "notice", err)
		if string(got) != text {
			t.Errorf("%s:\n%s\nwant:\n%s", lang, got, text)
		}
	}
	terms.Notice = consent.NoticeRef{Lang: "en", URI: "changed", SHA256: "changed"}
	got, err := consent.Notice(terms)
	ok(t, "notice", err)
	if string(got) != want["en"] || !strings.HasSuffix(want["en"], "\n") {
		t.Error("the notice depends on itself")
	}
}

// widened is a schema with one more field than before.
func widened(t *testing.T, schema json.RawMessage) json.RawMessage {
	t.Helper()
	var s map[string]any
	ok(t, "schema", json.Unmarshal(schema, &s))
	properties, _ := s["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
	}
	properties["colour_vision"] = map[string]any{"type": "boolean"}
	s["properties"] = properties
	raw, err := json.Marshal(s)
	ok(t, "schema", err)
	return raw
}
