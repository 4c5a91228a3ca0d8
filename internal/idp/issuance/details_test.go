package issuance_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/govmydata/mydata/internal/idp/issuance"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const (
	hubURL    = "https://hub.example"
	elsewhere = "https://office.example/documents"
)

// office owns the details of an issuer elsewhere.
type office struct{ asked []string }

func (o *office) note(what string) { o.asked = append(o.asked, what) }

func (*office) Type() string          { return openid4vci.DetailType }
func (*office) Step() string          { return "document" }
func (*office) MaxAge() time.Duration { return time.Minute }
func (o *office) Validate(_ context.Context, _ registry.Client, d []json.RawMessage, _ json.RawMessage) ([]string, error) {
	o.note("validate")
	return []string{"x@" + elsewhere}, nil
}
func (o *office) Select(json.RawMessage) (string, error) {
	o.note("select")
	return "x@" + elsewhere, nil
}
func (o *office) Authorize(context.Context, registry.Client, string, string) (oauth.Authorized, error) {
	o.note("authorize")
	return oauth.Authorized{Audience: elsewhere, TTL: time.Minute}, nil
}

func detail(config string, locations ...string) json.RawMessage {
	raw, _ := json.Marshal(openid4vci.Detail{Type: openid4vci.DetailType, CredentialConfigurationID: config, Locations: locations})
	return raw
}

//clause:issuer 5.1.1, 6.2, 8.2: the hub's own configurations by authorization_details; then credential_identifier alone, else credential_configuration_id alone
func TestDetails(t *testing.T) {
	agencies := &office{}
	d := &issuance.Details{URL: hubURL, Elsewhere: agencies}
	phone := registry.Client{ID: "phone", Scopes: []string{credential.ScopeResidentCard, credential.ScopeAgeCard}}
	half := registry.Client{ID: "half", Scopes: []string{credential.ScopeResidentCard}}
	resident, age := detail(credential.ConfigResidentCard, hubURL), detail(credential.ConfigAgeCard, hubURL)
	for _, c := range []struct {
		name    string
		client  registry.Client
		details []json.RawMessage
		refs    string
		says    string
	}{
		{"it takes one of the hub's", half, []json.RawMessage{resident}, credential.ConfigResidentCard + "@" + hubURL, ""},
		{"it takes both of the hub's, for one token", phone, []json.RawMessage{resident, age}, credential.ConfigResidentCard + "+" + credential.ConfigAgeCard + "@" + hubURL, ""},
		{"it takes one twice as one", phone, []json.RawMessage{age, age}, credential.ConfigAgeCard + "@" + hubURL, ""},
		{"it takes wishes and what it does not know", phone, []json.RawMessage{json.RawMessage(strings.Replace(string(age), "{", `{"claims":[{"path":["age_over_19"]}],"more":{},`, 1))}, credential.ConfigAgeCard + "@" + hubURL, ""},
		{"it leaves others to their owner", half, []json.RawMessage{detail("x", elsewhere)}, "x@" + elsewhere, ""},
		{"it gives a website that registered itself no document of others", registry.Client{ID: "site", Dynamic: true, Scopes: []string{"openid"}}, []json.RawMessage{detail("x", elsewhere)}, "", "client: it registered itself"},
		{"it leaves to their owner what a wallet asks that registered itself", registry.Client{ID: "own", Dynamic: true, Scopes: []string{credential.ScopeAgeCard}}, []json.RawMessage{detail("x", elsewhere)}, "x@" + elsewhere, ""},
		{"it gives nobody what he could not ask for by scope", half, []json.RawMessage{age}, "", "client: it is not registered"},
		{"it refuses an unknown configuration", phone, []json.RawMessage{detail("other", hubURL)}, "", "credential_configuration_id"},
		{"it refuses two issuers at once", phone, []json.RawMessage{age, detail("x", elsewhere)}, "", "locations: credentials of several"},
		{"it refuses no issuer", phone, []json.RawMessage{detail(credential.ConfigAgeCard)}, "", "locations"},
		{"it refuses two issuers in one", phone, []json.RawMessage{detail(credential.ConfigAgeCard, hubURL, elsewhere)}, "", "locations"},
		{"it refuses a look-alike of the hub", phone, []json.RawMessage{detail(credential.ConfigAgeCard, hubURL+"/"), age}, "", "locations: credentials of several"},
		{"it refuses no configuration", phone, []json.RawMessage{detail("", hubURL)}, "", "credential_configuration_id"},
		{"it refuses an empty list of wishes", phone, []json.RawMessage{json.RawMessage(strings.Replace(string(age), "{", `{"claims":[],`, 1))}, "", "claims"},
		{"it refuses what is no object", phone, []json.RawMessage{json.RawMessage(`7`)}, "", "json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refs, err := d.Validate(t.Context(), c.client, c.details, nil)
			if c.says == "" {
				if err != nil || !slices.Equal(refs, []string{c.refs}) {
					t.Errorf("%v %v", refs, err)
				}
				return
			}
			if why, ok := errors.AsType[*oauth.Refusal](err); !ok || why.Code != "invalid_authorization_details" || !strings.Contains(why.Description, c.says) {
				t.Errorf("%v %v", refs, err)
			}
		})
	}
	t.Run("it leads each to its page", func(t *testing.T) {
		if d.StepOf([]string{"x@" + elsewhere}) != "document" || d.StepOf([]string{"y@" + hubURL}) != oauth.StepIssuance {
			t.Error("the wrong page")
		}
	})
	t.Run("it names the dataset of each configuration", func(t *testing.T) {
		a, err := d.Authorize(t.Context(), phone, "kim", credential.ConfigResidentCard+"+"+credential.ConfigAgeCard+"@"+hubURL)
		var given []openid4vci.Detail
		if err != nil || json.Unmarshal(a.Details, &given) != nil || len(given) != 2 || a.Audience != hubURL || a.TTL > 5*time.Minute {
			t.Fatalf("%+v %v", a, err)
		}
		for _, g := range given {
			if len(g.CredentialIdentifiers) != 1 || g.CredentialIdentifiers[0] == g.CredentialConfigurationID || g.Locations[0] != hubURL {
				t.Errorf("%+v", g)
			}
		}
	})
	t.Run("it gives no token for what is no longer given", func(t *testing.T) {
		_, err := d.Authorize(t.Context(), phone, "kim", "gone@"+hubURL)
		if why, ok := errors.AsType[*oauth.Refusal](err); !ok || why.Code != "invalid_grant" {
			t.Error(err)
		}
	})
	t.Run("it selects for both", func(t *testing.T) {
		ours, err := d.Select(age)
		theirs, err2 := d.Select(detail("x", elsewhere))
		if err != nil || err2 != nil || ours != credential.ConfigAgeCard+"@"+hubURL || theirs != "x@"+elsewhere {
			t.Errorf("%s %v %s %v", ours, err, theirs, err2)
		}
		if _, err := d.Select(json.RawMessage(`{}`)); err == nil {
			t.Error("it selects nothing")
		}
	})
	t.Run("it knows nobody elsewhere where there is nobody", func(t *testing.T) {
		alone := &issuance.Details{URL: hubURL}
		if _, err := alone.Validate(t.Context(), phone, []json.RawMessage{detail("x", elsewhere)}, nil); err == nil || !strings.Contains(err.Error(), "no issuer that is known") {
			t.Error(err)
		}
		if _, err := alone.Authorize(t.Context(), phone, "kim", "x@"+elsewhere); err == nil {
			t.Error("it authorized")
		}
	})
}

// Where the token response named identifiers, these alone name what is wanted.
//
//clause:issuer 5.1.1, 6.2, 8.2: the hub's own configurations by authorization_details; then credential_identifier alone, else credential_configuration_id alone
func TestIdentifiers(t *testing.T) {
	w := newWorld(t)
	refs := map[string]string{openid4vci.DetailType: credential.ConfigAgeCard + "@" + w.URL}
	both := map[string]string{openid4vci.DetailType: credential.ConfigAgeCard + "+" + credential.ConfigResidentCard + "@" + w.URL}
	scope := []string{credential.ScopeResidentCard}
	byID := func(id string) func() string {
		return func() string {
			return strings.Replace(request("x", w.holders(t, 1)...), `"credential_configuration_id":"x"`, `"credential_identifier":"`+id+`"`, 1)
		}
	}
	byConfig := func(config string) func() string {
		return func() string { return request(config, w.holders(t, 1)...) }
	}
	for _, c := range []struct {
		name   string
		scopes []string
		refs   map[string]string
		body   func() string
		status int
		code   string
	}{
		{"it gives by the identifier", nil, refs, byID("age"), 200, ""},
		{"it refuses the configuration then", nil, refs, byConfig(credential.ConfigAgeCard), 400, "invalid_credential_request"},
		{"it refuses the configuration then, also with its scope", []string{credential.ScopeAgeCard}, refs, byConfig(credential.ConfigAgeCard), 400, "invalid_credential_request"},
		{"it refuses the identifier of another kind", nil, refs, byID("resident"), 400, "unknown_credential_identifier"},
		{"it refuses the configuration as identifier", nil, refs, byID(credential.ConfigAgeCard), 400, "unknown_credential_identifier"},
		{"it refuses an identifier that no row can hold", nil, refs, byID(`a\u0000b`), 400, "unknown_credential_identifier"},
		{"it refuses both names", nil, refs, func() string {
			return strings.Replace(byConfig(credential.ConfigAgeCard)(), "{", `{"credential_identifier":"age",`, 1)
		}, 400, "invalid_credential_request"},
		{"it refuses a kind that was not granted", nil, refs, byConfig(credential.ConfigResidentCard), 403, "insufficient_scope"},
		{"it gives each of two by its identifier", nil, both, byID("resident"), 200, ""},
		{"it reads scope and details each by itself", scope, refs, byConfig(credential.ConfigResidentCard), 200, ""},
		{"it refuses an identifier where none was given", scope, nil, byID("resident"), 400, "unknown_credential_identifier"},
		{"it gives by the configuration where none was given", scope, nil, byConfig(credential.ConfigResidentCard), 200, ""},
		{"it refuses a scope of another kind", scope, nil, byConfig(credential.ConfigAgeCard), 403, "insufficient_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.gate.scopes, w.gate.refs = c.scopes, c.refs
			before := w.count(t)
			a := w.do(t, "POST", "/credential", "kim", "application/json", c.body())
			if a.status != c.status || c.code != "" && code(t, a) != c.code || (w.count(t) > before) != (c.status == 200) {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

// Each configuration has one scope, no other has it, and each has its texts.
//
//clause:issuer 12.2.4: names of issuer, cards and claims in English and Korean, one entry a locale; the demo wallet's pages speak the reader's
//clause:issuer 5.1.2, HAIP 1.0: a scope for each configuration, of this one type alone; unknown ones ignored
func TestAScopeForEachConfiguration(t *testing.T) {
	w := newWorld(t)
	m := w.metadataOf(t)
	scopes := map[string]bool{}
	for id, c := range m.CredentialConfigurationsSupported {
		if c.Scope == "" || scopes[c.Scope] || !issuance.Gives(id) || len(c.ProofTypesSupported) == 0 || c.VCT == "" {
			t.Errorf("%s: %+v", id, c)
		}
		scopes[c.Scope] = true
		if len(c.CredentialMetadata.Display) != 2 || len(c.CredentialMetadata.Claims) == 0 {
			t.Errorf("%s: %+v", id, c.CredentialMetadata)
		}
		for i, d := range c.CredentialMetadata.Display {
			if d.Locale != []string{"en", "ko"}[i] || korean(d.Name) != (i == 1) || d.Name == "" || d.Description == "" || d.Logo == nil || d.Logo.AltText == "" {
				t.Errorf("%s: %+v", id, d)
			}
		}
		for _, claim := range c.CredentialMetadata.Claims {
			if len(claim.Path) != 1 || len(claim.Display) != 2 || claim.Mandatory == (claim.Path[0] == "address") {
				t.Errorf("%s: %+v", id, claim)
			}
			for i, d := range claim.Display {
				if d.Locale != []string{"en", "ko"}[i] || korean(d.Name) != (i == 1) {
					t.Errorf("%s: %+v", id, d)
				}
			}
		}
	}
	if len(m.Display) != 2 || korean(m.Display[0].Name) || !korean(m.Display[1].Name) {
		t.Errorf("the issuer is called %+v", m.Display)
	}
	if len(scopes) != len(issuance.Scopes()) || issuance.Gives("other") {
		t.Errorf("%v, %v", scopes, issuance.Scopes())
	}
}

func korean(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
}
