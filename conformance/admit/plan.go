package admit

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/govmydata/mydata/pkg/catalogue"
)

//go:embed plans
var plans embed.FS

// maxPlan bounds a plan file.
const maxPlan = 1 << 20

// Plan is what the tool has to be told of an agency.
type Plan struct {
	Provider string            `json:"provider"` // agency id in the certificate
	Consumer string            `json:"consumer"`
	Resident bool              `json:"resident_id"` // the provider finds people by the resident identifier
	DataSet  catalogue.DataSet `json:"data_set"`
	Purpose  catalogue.Purpose `json:"purpose"`
	Claims   []string          `json:"claims"`   // what is asked for
	Optional []string          `json:"optional"` // and may be unticked
	People   People            `json:"people"`
	Site     Site              `json:"site"`
}

// People are whom a provider under test knows, and what it knows of them.
type People struct {
	One     Person `json:"one"`
	Other   Person `json:"other"`
	Nobody  string `json:"nobody"`            // has no record
	Several string `json:"several,omitempty"` // has more than one, where that can be
}

// Person is somebody with one record.
type Person struct {
	ID      string         `json:"id"`     // resident identifier
	Values  map[string]any `json:"values"` // of claims and of fields that are asked for
	Secrets []string       `json:"secrets"`
}

// Site is how a consumer under test is walked.
type Site struct {
	ClientID    string   `json:"client_id"`
	RedirectURI string   `json:"redirect_uri"`
	Form        string   `json:"form"`      // the end of the action of the form that begins, "" for the first
	Again       string   `json:"again"`     // the same of the form that makes the next use
	Withdrawn   []string `json:"withdrawn"` // words, of which a page about a withdrawn grant has one
}

// PlanError says what is wrong with a plan, and that its writer mends it.
type PlanError struct{ Check, Cause, Mender string }

func (e *PlanError) Error() string { return "plan: " + e.Check + ": " + e.Cause }

func misfit(check, format string, args ...any) error {
	return &PlanError{check, fmt.Sprintf(format, args...), "agency"}
}

// ExamplePlan is the one of the two example agencies.
func ExamplePlan() (Plan, error) {
	raw, err := plans.ReadFile("plans/example.json")
	if err != nil {
		return Plan{}, err
	}
	return ParsePlan(raw)
}

// ParsePlan reads a plan strictly.
func ParsePlan(raw []byte) (Plan, error) {
	var p Plan
	if len(raw) > maxPlan {
		return p, misfit("size", "more than %d bytes", maxPlan)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, misfit("JSON", "%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return p, misfit("JSON", "something follows the object")
	}
	for name, id := range map[string]string{"provider": p.Provider, "consumer": p.Consumer} {
		real, sandboxed := strings.HasPrefix(id, "urn:mydata:agency:"), strings.HasPrefix(id, "urn:mydata:sandbox:")
		if !real && !sandboxed || strings.ContainsAny(id, " %\x00\n") {
			return p, misfit(name, "%q is neither urn:mydata:agency:NAME nor urn:mydata:sandbox:NAME", id)
		}
	}
	switch {
	case p.Provider == p.Consumer:
		return p, misfit("consumer", "it is the provider")
	case p.DataSet.ID == "" || len(p.DataSet.Fields) == 0:
		return p, misfit("data_set", "it needs an id and fields")
	case len(p.Claims) == 0:
		return p, misfit("claims", "nothing is asked for")
	case p.Purpose.Code == "" || p.Purpose.MaxUses < 1 || p.Purpose.MaxDays < 1:
		return p, misfit("purpose", "it needs a code, a use and a day at least")
	case p.People.One.ID == "" || p.People.Other.ID == "" || p.People.Nobody == "" || p.People.One.ID == p.People.Other.ID:
		return p, misfit("people", "one, other and nobody are needed, and are three")
	}
	for _, name := range append(append([]string{}, p.Claims...), p.Optional...) {
		_, derived := p.DataSet.Derivation(name)
		_, field := p.DataSet.Field(name)
		if !derived && !field {
			return p, misfit("claims", "the data set has no %q", name)
		}
	}
	p.DataSet.Provider, p.Purpose.DataSets = p.Provider, []string{p.DataSet.ID}
	p.Purpose.MaxUses = max(p.Purpose.MaxUses, 2) // the cases use a grant twice, where an agency can
	return p, nil
}
