package oauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
)

// cards is the detail type of credentials: each is for whom has its scope.
type cards struct{ asked int }

func (*cards) Type() string { return "openid_credential" }

func (c *cards) Validate(_ context.Context, client registry.Client, details []json.RawMessage, _ json.RawMessage) ([]string, error) {
	c.asked++
	for _, d := range details {
		var e struct {
			Config string `json:"credential_configuration_id"`
		}
		if json.Unmarshal(d, &e) != nil || !slices.Contains(client.Scopes, e.Config) {
			return nil, &oauth.Refusal{Code: "invalid_authorization_details", Description: "not for this one"}
		}
	}
	return []string{"card"}, nil
}

func (*cards) Select(json.RawMessage) (string, error) { return "card", nil }

func (*cards) Authorize(context.Context, registry.Client, string, string) (oauth.Authorized, error) {
	return oauth.Authorized{Audience: "https://hub.example", TTL: time.Minute, Details: json.RawMessage(`[{"type":"openid_credential","credential_identifiers":["one"]}]`)}, nil
}

// A token request with a pre-authorized code may say what it wants of the offer, in
// details of credentials alone (OpenID4VCI 1.0, 6.1.1).
func TestDetailsWithAPreAuthorizedCode(t *testing.T) {
	made := &cards{}
	var h *hub
	fresh := func() {
		h = newHub(t, func(c *oauth.Config) {
			c.Details, c.IssuanceScopes = append(c.Details, made), []string{"resident_card", "age_card"}
		})
	}
	form := func(details string) url.Values {
		return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"offer"}, "tx_code": {"1234"},
			"authorization_details": {details}}
	}
	ask := func(config string) string {
		return `[{"type":"openid_credential","credential_configuration_id":"` + config + `"}]`
	}
	fresh()
	for name, c := range map[string]struct{ details, says string }{
		"it refuses what is no JSON":             {"x", "not a JSON array"},
		"it refuses none":                        {"[]", "no element"},
		"it refuses details of consents":         {`[{"type":"` + h.detail.Type() + `"}]`, "for credentials alone"},
		"it refuses details of nobody":           {`[{"type":"x"}]`, "for credentials alone"},
		"it refuses a card that nobody may have": {ask("passport"), "not for this one"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, h.post("/token", form(c.details)), http.StatusBadRequest, "invalid_authorization_details", c.says)
		})
	}
	if h.offers.used {
		t.Error("a request that is wrong cost the code")
	}
	a := h.post("/token", form(ask("resident_card")))
	if a.status != http.StatusOK || !strings.Contains(a.text, `"credential_identifiers":["one"]`) {
		t.Errorf("%d %s", a.status, a.text)
	}
	fresh()
	a = h.post("/token", form(ask("age_card"))) // not what was offered
	refused(t, a, http.StatusBadRequest, "invalid_authorization_details", "not for this one")
	if strings.Contains(a.text, "access_token") || made.asked == 0 {
		t.Errorf("%s", a.text)
	}
}

// elsewhere is cards for what a person agrees to on a page of its own, as the
// documents of agencies are.
type elsewhere struct{ cards }

func (*elsewhere) Step() string          { return "document" }
func (*elsewhere) MaxAge() time.Duration { return time.Minute }

// An offer is no consent to what has a page of its own: with the code for a card a
// wallet must not get an agency's document that its owner never agreed to.
func TestAPreAuthorizedCodeSkipsNoPage(t *testing.T) {
	h := newHub(t, func(c *oauth.Config) {
		c.Details, c.IssuanceScopes = append(c.Details, &elsewhere{}), []string{"resident_card"}
	})
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"offer"}, "tx_code": {"1234"},
		"authorization_details": {`[{"type":"openid_credential","credential_configuration_id":"resident_card"}]`}}
	refused(t, h.post("/token", form), http.StatusBadRequest, "invalid_authorization_details", "of its own issuer")
	if h.offers.used {
		t.Error("it cost the code")
	}
}
