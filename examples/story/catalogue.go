package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// The reserved example number range and domain: nobody is called by the demo.
const (
	insurerContact = "privacy@insurer.example"
	licenceContact = "privacy@licence.example"
)

// prepareCatalogue writes catalogue.json anew only when what it would say has
// changed, since the agencies' entries carry the time of their signing.
func (s *stage) prepareCatalogue(insurer, licence *agency) error {
	path := s.path("catalogue.json")
	wanted, err := json.Marshal([]any{s.catalogue(), s.insurerEntry(insurer), s.licenceEntry(licence)})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(wanted)
	stamp := base64.RawURLEncoding.EncodeToString(sum[:])
	old, version, err := readVersion(path)
	if err != nil || old == stamp {
		return err
	}
	c := s.catalogue()
	c.Version = version + 1
	for i, part := range []struct {
		*agency
		entry catalogue.Entry
	}{{insurer, s.insurerEntry(insurer)}, {licence, s.licenceEntry(licence)}} {
		part.entry.IssuedAt = s.now().Unix()
		compact, err := catalogue.SignEntry(part.entry, part.key, [][]byte{part.chain[0].Raw})
		if err != nil {
			return err
		}
		if c.Agencies[i], err = part.entry.Apply(c.Agencies[i], compact); err != nil {
			return err
		}
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if err := writeJSON(path, c, 0o644); err != nil {
		return err
	}
	return writeFile(path+".of", []byte(stamp), 0o644)
}

// readVersion tells what the last catalogue was made of, and its version.
func readVersion(path string) (stamp string, version int64, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	var last struct {
		Version int64 `json:"version"`
	}
	if err := json.Unmarshal(text, &last); err != nil {
		return "", 0, err
	}
	of, err := os.ReadFile(path + ".of")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", 0, err
	}
	return string(of), last.Version, nil
}

func (s *stage) insurerEntry(a *agency) catalogue.Entry {
	return catalogue.Entry{
		Issuer:  a.id,
		Name:    catalogue.Text{"en": "Health Insurance Service (demo)", "ko": "국민건강보험 (데모)"},
		Contact: insurerContact,
		Release: s.insurer.url() + "/release",
		Signals: s.insurer.url() + "/signals",
		JWKS:    a.encryptionKeys(),
	}
}

func (s *stage) licenceEntry(a *agency) catalogue.Entry {
	return catalogue.Entry{
		Issuer:  a.id,
		Name:    catalogue.Text{"en": "Driving Licence Agency (demo)", "ko": "운전면허시험장 (데모)"},
		Contact: licenceContact,
		Signals: s.licence.url() + "/signals",
		JWKS:    a.encryptionKeys(),
	}
}

func (a *agency) encryptionKeys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{named(a.encryption.Public(), "enc", string(jose.ECDH_ES))}}
}

// named is a key under its RFC 7638 thumbprint.
func named(key any, use, alg string) jose.JSONWebKey {
	k := jose.JSONWebKey{Key: key, Use: use, Algorithm: alg}
	sum, _ := k.Thumbprint(sha256Hash) // defined for every key that we make
	k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return k
}

func (s *stage) catalogue() catalogue.Catalogue {
	return catalogue.Catalogue{
		Version: 1,
		Agencies: []catalogue.Agency{
			{ID: insurerID, Jurisdiction: "KR", ResidentID: true},
			{ID: licenceID, Jurisdiction: "KR"},
		},
		DataSets: []catalogue.DataSet{checkup},
		Purposes: []catalogue.Purpose{{
			Code:     "driving-licence-renewal",
			Text:     catalogue.Text{"en": "Renew a driving licence without a second eyesight and hearing test", "ko": "시력·청력 검사를 다시 받지 않고 운전면허 갱신"},
			MaxUses:  2,
			MaxDays:  30,
			DataSets: []string{checkup.ID},
		}},
	}
}

// checkup is what the insurer keeps of a health check-up. Of it, a licence
// renewal needs two yes-or-no answers and a date.
var checkup = catalogue.DataSet{
	ID:       "health-checkup",
	Provider: insurerID,
	Title:    catalogue.Text{"en": "General health check-up", "ko": "일반 건강검진"},
	Schema: json.RawMessage(`{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"type": "object",
		"properties": {
			"resident": {"type": "string"},
			"name": {"type": "string"},
			"vision_left": {"type": "number"},
			"vision_right": {"type": "number"},
			"hearing_left": {"type": "integer"},
			"hearing_right": {"type": "integer"},
			"blood_pressure": {"type": "string"},
			"remarks": {"type": "string"},
			"checked_on": {"type": "string", "format": "date"}
		},
		"required": ["vision_left", "vision_right", "hearing_left", "hearing_right", "checked_on"],
		"additionalProperties": false
	}`),
	Fields: []catalogue.Field{
		{Name: "resident", Label: catalogue.Text{"en": "Resident", "ko": "주민"}},
		{Name: "name", Label: catalogue.Text{"en": "Name", "ko": "이름"}},
		{Name: "vision_left", Label: catalogue.Text{"en": "Eyesight, left", "ko": "시력(왼쪽)"}},
		{Name: "vision_right", Label: catalogue.Text{"en": "Eyesight, right", "ko": "시력(오른쪽)"}},
		{Name: "hearing_left", Label: catalogue.Text{"en": "Hearing, left (dB)", "ko": "청력(왼쪽, dB)"}},
		{Name: "hearing_right", Label: catalogue.Text{"en": "Hearing, right (dB)", "ko": "청력(오른쪽, dB)"}},
		{Name: "blood_pressure", Label: catalogue.Text{"en": "Blood pressure", "ko": "혈압"}, Sensitive: true},
		{Name: "remarks", Label: catalogue.Text{"en": "Doctor's remarks", "ko": "의사 소견"}, Sensitive: true},
		{Name: "checked_on", Label: catalogue.Text{"en": "Date of the check-up", "ko": "검진일"}},
	},
	Derived: []catalogue.Derived{
		{Claim: "vision_ok", Label: catalogue.Text{"en": "Eyesight sufficient for driving (yes or no)", "ko": "운전에 필요한 시력 충족 여부(예/아니요)"}, From: []string{"vision_left", "vision_right"}},
		{Claim: "hearing_ok", Label: catalogue.Text{"en": "Hearing sufficient for driving (yes or no)", "ko": "운전에 필요한 청력 충족 여부(예/아니요)"}, From: []string{"hearing_left", "hearing_right"}},
		{Claim: "checked_on", Label: catalogue.Text{"en": "Date of the check-up", "ko": "검진일"}, From: []string{"checked_on"}},
	},
}
