package consent

import (
	"encoding/json"
	"maps"
	"time"
)

// Object is a node of a JSON-LD document.
type Object = map[string]any

// exportContext says what the terms of an export mean, in the document itself:
// a reader needs no network. Entities are a map by identifier, as the DPV's
// profile of ISO/IEC TS 27560 has them (JSON-LD 1.1, 4.6.3, @container @id).
var exportContext = Object{
	"@version": 1.1,
	"dpv":      "https://w3id.org/dpv#", "dpv-27560": "https://w3id.org/dpv/schema/dpv-27560#", "loc": "https://w3id.org/dpv/loc#",
	"dct": "http://purl.org/dc/terms/", "skos": "http://www.w3.org/2004/02/skos/core#",
	"rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "xsd": "http://www.w3.org/2001/XMLSchema#", "mydata": "urn:mydata:term:",
	"dpv:hasEntity":             Object{"@id": "dpv:hasEntity", "@container": "@id"},
	"dct:conformsTo":            iri("dct:conformsTo"),
	"dct:creator":               iri("dct:creator"),
	"dct:created":               moment("dct:created"),
	"dct:modified":              moment("dct:modified"),
	"dct:date":                  moment("dct:date"),
	"skos:broader":              iri("skos:broader"),
	"dpv:hasContext":            iri("dpv:hasContext"),
	"dpv:hasProcessing":         iri("dpv:hasProcessing"),
	"dpv:hasLegalBasis":         iri("dpv:hasLegalBasis"),
	"dpv:hasJurisdiction":       iri("dpv:hasJurisdiction"),
	"dpv:hasLocation":           iri("dpv:hasLocation"),
	"dpv:isExercisedAt":         iri("dpv:isExercisedAt"),
	"dpv:isIndicatedBy":         iri("dpv:isIndicatedBy"),
	"dpv:hasRecipient":          iri("dpv:hasRecipient"),
	"dpv:isIndicatedAtTime":     moment("dpv:isIndicatedAtTime"),
	"dpv:hasDataController":     iri("dpv:hasDataController"),
	"dpv:isImplementedByEntity": iri("dpv:isImplementedByEntity"),
}

func iri(of string) Object    { return Object{"@id": of, "@type": "@id"} }
func moment(of string) Object { return Object{"@id": of, "@type": "xsd:dateTime"} }

// statuses are the DPV's words for what an event did to a consent. Where it has
// none (a pause, the last use) its two words for what may be processed serve.
var statuses = map[Kind]string{
	KindRequested: "dpv:ConsentRequested", KindGranted: "dpv:ConsentGiven", KindDenied: "dpv:ConsentRefused",
	KindCancelled: "dpv:ConsentRequestDeferred", KindPaused: "dpv:ConsentStatusInvalidForProcessing",
	KindResumed: "dpv:ConsentStatusValidForProcessing", KindWithdrawn: "dpv:ConsentWithdrawn", KindExpired: "dpv:ConsentExpired",
	KindConsumed: "dpv:ConsentStatusInvalidForProcessing", KindInvalidated: "dpv:ConsentInvalidated",
	KindSuperseded: "dpv:ConsentStatusInvalidForProcessing",
}

// ExportRecord gives a granted record as a consent record of ISO/IEC TS
// 27560:2023 in JSON-LD, with the terms of the Data Privacy Vocabulary by the
// profile dpv-27560:record-2. hub is the issuer of the hub that kept it. What
// the vocabulary has no term for is under mydata:.
func ExportRecord(hub string, t Terms, events []Event) (Object, error) {
	digest, err := t.Digest()
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, refuse("export", "a record without events")
	}
	if len(t.Recipient) != 1 {
		return nil, refuse("export", "%d recipients", len(t.Recipient))
	}
	record := Object{
		"@context": maps.Clone(exportContext), "@id": "urn:mydata:record:" + string(t.GrantID), "@type": []string{"dpv:ConsentRecord"},
		"dct:conformsTo": "dpv-27560:record-2", "dpv:hasIdentifier": string(t.GrantID),
		"dpv:hasDataSubject": Object{"@type": []string{"dpv:DataSubject"}, "dpv:hasIdentifier": t.Subjects.Consumer},
		"dct:created":        iso8601(events[0].At), "dct:modified": iso8601(events[len(events)-1].At),
		"dct:creator": hub, "dct:language": t.Notice.Lang,
		"dpv:hasNotice": []Object{{
			"@type": []string{"dpv:ConsentNotice"}, "dpv:hasIdentifier": t.Notice.SHA256, "dpv:hasLocation": t.Notice.URI, "dct:language": t.Notice.Lang,
		}},
		"dpv:hasProcess":      []Object{process(hub, t, events)},
		"dpv:hasEntity":       entities(hub, t),
		"mydata:schema":       t.SchemaVersion,
		"mydata:catalogue":    t.Catalogue,
		"mydata:version":      t.Version,
		"mydata:termsDigest":  Encode(digest[:]),
		"mydata:requested":    t.Request,
		"mydata:atProvider":   t.Subjects.Provider,
		"mydata:hasRelease":   releases(events),
		"mydata:recipientKey": Object{"mydata:kem": t.RecipientKey.KEM, "mydata:public": t.RecipientKey.Public},
	}
	if t.Supersedes != "" {
		record["mydata:supersedes"] = t.Supersedes
	}
	return record, nil
}

func process(hub string, t Terms, events []Event) Object {
	basis := "dpv:Consent"
	if t.LegalBasis.Kind != BasisConsent {
		basis = "dpv:LegalObligation"
	}
	p := Object{
		"@type": []string{"dpv:Process"},
		"dpv:hasPurpose": []Object{{
			"@type": []string{"dpv:Purpose"}, "skos:broader": "dpv:RequestedServiceProvision",
			"skos:prefLabel": t.Purpose.Text, "skos:notation": t.Purpose.Code,
		}},
		"dpv:hasPersonalData":   personalData(t),
		"dpv:hasProcessing":     processing(t),
		"dpv:hasDataController": []string{t.Controller},
		"dpv:hasDataSource": []Object{{
			"@type": []string{"dpv:ThirdPartyDataSource", "dpv:NonPublicDataSource"}, "skos:prefLabel": t.DataSet.Title,
			"dpv:hasIdentifier": t.DataSet.ID, "dpv:isImplementedByEntity": t.Provider.ID, "mydata:schemaHash": t.DataSet.SchemaHash,
		}},
		"dpv:hasStorageCondition": []Object{
			{"@type": []string{"dpv:StorageLocation"}, "dpv:hasLocation": "loc:" + t.Storage},
			{"@type": []string{"dpv:StorageDuration"}, "dpv:hasDuration": duration("dpv:TemporalDuration", t.Retention)},
		},
		"dpv:hasProcessingCondition": []Object{{
			"@type":           []string{"dpv:ProcessingDuration"},
			"dpv:hasDuration": duration("dpv:UntilTimeDuration", iso8601(time.Unix(t.Validity.Expires, 0))),
			"mydata:from":     iso8601(time.Unix(t.Validity.NotBefore, 0)), "mydata:maxUses": t.MaxUses, "mydata:mode": t.Mode,
			"mydata:template": t.Template.object(),
		}},
		"dpv:hasRecipient":    []string{t.Recipient[0].ID},
		"dpv:hasLegalBasis":   []string{basis},
		"dpv:hasJurisdiction": "loc:" + t.Jurisdiction,
		"dpv:hasConsentControl": []Object{{
			"@type": []string{"dpv:WithdrawConsent"}, "dpv:isExercisedAt": t.Withdrawal.URI, "mydata:slaSeconds": t.Withdrawal.SLA,
		}},
		"dpv:hasConsentStatus": consentStatus(hub, t, events),
	}
	if t.LegalBasis.LawRef != "" {
		p["dpv:hasApplicableLaw"] = Object{"dpv:hasIdentifier": t.LegalBasis.LawRef, "mydata:noticeAfter": t.LegalBasis.NoticeAfter}
	}
	for name, later := range map[string]any{"mydata:frequency": t.Frequency, "mydata:dataRange": t.DataRange, "mydata:bundle": t.Bundle} {
		if raw, err := json.Marshal(later); err == nil && string(raw) != "null" && string(raw) != `""` {
			p[name] = json.RawMessage(raw)
		}
	}
	return p
}

func duration(kind, value string) Object {
	return Object{"@type": []string{kind}, "rdf:value": value}
}

// personalData are the claims that leave the provider, and what they are made
// from.
func personalData(t Terms) []Object {
	sensitive, label := map[string]bool{}, map[string]string{}
	for _, f := range t.Fields {
		sensitive[f.Name], label[f.Name] = f.Sensitive, f.Label
	}
	var all []Object
	for _, c := range t.Claims {
		kind, context := "dpv:PersonalData", "dpv:Required"
		if t.Action == ActionDerive {
			kind = "dpv:DerivedPersonalData"
		}
		if c.Optional {
			context = "dpv:Optional"
		}
		types, sources := []string{kind}, []Object{}
		for _, from := range c.From {
			sources = append(sources, Object{"dpv:hasIdentifier": from, "skos:prefLabel": label[from]})
			if sensitive[from] && len(types) == 1 {
				types = append(types, "dpv:SensitivePersonalData")
			}
		}
		all = append(all, Object{
			"@type": types, "skos:broader": "dpv:PersonalData", "dpv:hasIdentifier": c.Name, "skos:prefLabel": c.Label,
			"dpv:hasContext": context, "mydata:from": sources,
		})
	}
	return all
}

func processing(t Terms) []string {
	if t.Action == ActionDerive {
		return []string{"dpv:Derive", "dpv:Share", "dpv:Store", "dpv:Use"}
	}
	return []string{"dpv:Share", "dpv:Store", "dpv:Use"}
}

// consentStatus is every event that changed the consent's state, in order; the
// last is how it stands.
func consentStatus(hub string, t Terms, events []Event) []Object {
	var all []Object
	for _, e := range events {
		if e.Kind == KindUsed || e.Kind == KindReceived {
			continue
		}
		types := []string{"dpv:ConsentUnknown"}
		if known, ok := statuses[e.Kind]; ok {
			types[0] = known
		}
		if e.Kind == KindGranted {
			types = append(types, "dpv:ExplicitlyExpressedConsent")
		}
		status := Object{
			"@type": types, "skos:prefLabel": string(e.Kind), "dpv:isIndicatedAtTime": iso8601(e.At), "dpv:isExercisedAt": t.Withdrawal.URI,
			"mydata:by": e.By, "mydata:sequence": e.Seq,
		}
		if by := map[string]string{"consumer": t.Controller, "provider": t.Provider.ID, "hub": hub, "officer": hub}[e.By]; by != "" {
			status["dpv:isIndicatedBy"] = by
		}
		if e.Kind == KindGranted {
			status["dpv:hasDuration"] = duration("dpv:UntilTimeDuration", iso8601(time.Unix(e.Expires, 0)))
			status["mydata:approval"] = e.Approval
		}
		if e.Reason != "" {
			status["mydata:reason"] = e.Reason
		}
		all = append(all, status)
	}
	return all
}

// releases are the uses taken, with their countersignatures.
func releases(events []Event) []Object {
	all := []Object{}
	for _, e := range events {
		switch {
		case e.Kind == KindUsed:
			all = append(all, Object{"mydata:use": e.Use, "dct:date": iso8601(e.At), "mydata:commit": e.Commit})
		case e.Kind == KindReceived && e.Use >= 1 && e.Use <= len(all):
			all[e.Use-1]["mydata:received"] = iso8601(e.At)
		}
	}
	return all
}

func entities(hub string, t Terms) Object {
	party := func(p Party, roles ...string) Object {
		o := Object{"@type": append([]string{"dpv:Organisation"}, roles...), "dpv:hasIdentifier": p.ID, "dpv:hasName": p.Name}
		if p.Contact != "" {
			o["dpv:hasContact"] = p.Contact
		}
		return o
	}
	consumer := []string{"dpv:DataController", "dpv:Recipient"}
	return Object{
		t.Recipient[0].ID: party(t.Recipient[0], consumer...),
		t.Provider.ID:     party(t.Provider, "dpv:ThirdParty"),
		hub:               Object{"@type": []string{"dpv:Organisation"}, "dpv:hasIdentifier": hub, "dpv:hasName": hub},
	}
}
