package main

import (
	"fmt"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// office is an agency of the story: where its keys are, what it says of itself, and
// what the operator says of it.
type office struct {
	folder    string
	entry     catalogue.Entry // without keys and time
	residents bool            // is told the resident identifier
	asks      *service        // where it asks for data, or nil
}

// offices are those of the story. Contacts are in the reserved domain: nobody is
// called by the demo.
func (s *stage) offices() []office {
	return []office{
		{folder: "health-insurance", residents: true, entry: catalogue.Entry{
			Issuer: insurerID, Contact: "privacy@insurer.example", Release: s.insurer.url() + "/release", Signals: s.insurer.url() + "/signals",
			Name: catalogue.Text{"en": "Health Insurance Service (demo)", "ko": "국민건강보험 (데모)"},
		}},
		{folder: "driving-licence", asks: &s.licence, entry: catalogue.Entry{
			Issuer: licenceID, Contact: "privacy@licence.example", Signals: s.licence.url() + "/signals",
			Name: catalogue.Text{"en": "Driving Licence Agency (demo)", "ko": "운전면허시험장 (데모)"},
		}},
		{folder: townHall, residents: true, entry: catalogue.Entry{
			Issuer: townHallID, Contact: "privacy@townhall.example", Release: s.extract.url() + "/release", Signals: s.extract.url() + "/signals",
			Name:             catalogue.Text{"en": "Town Hall (demo)", "ko": "행정복지센터 (데모)"},
			CredentialIssuer: s.documents(), Documents: []catalogue.Document{{ID: extract.ID, Title: extract.Title}},
		}},
		{folder: "housing-benefit", asks: &s.portal, entry: catalogue.Entry{
			Issuer: housingID, Contact: "privacy@housing.example", Signals: s.portal.url() + "/signals",
			Name: catalogue.Text{"en": "Housing Benefit (demo)", "ko": "주거급여 포털 (데모)"},
		}},
	}
}

const townHall = "town-hall"

// trustPolicy has the verifier believe the town hall's extracts, and nobody else's.
func (s *stage) trustPolicy() []byte {
	return fmt.Appendf(nil, `{"schema_version": "mydata-trust-policy/1",
 "types": {%q: {"roots": "trust/issuer-ca.pem", "names": [%q]}}}
`, s.documents()+"/types/resident-extract", s.documents())
}

// documents is where the town hall issues its own documents.
func (s *stage) documents() string { return s.extract.url() + "/documents" }
