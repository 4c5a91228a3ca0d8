package oauth

import (
	stdjson "encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/jcs"
)

// params are an authorization request's parameters as sent, from a form or
// from a request object.
type params struct {
	ResponseType  string             `json:"response_type"`
	ResponseMode  string             `json:"response_mode"`
	ClientID      string             `json:"client_id"`
	RedirectURI   string             `json:"redirect_uri"`
	Scope         string             `json:"scope"`
	State         string             `json:"state"`
	Nonce         string             `json:"nonce"`
	Challenge     string             `json:"code_challenge"`
	ChallengeKind string             `json:"code_challenge_method"`
	JKT           string             `json:"dpop_jkt"`
	Prompt        string             `json:"prompt"`
	MaxAge        *int64             `json:"max_age"`
	UILocales     string             `json:"ui_locales"`
	LoginHint     string             `json:"login_hint"`
	Details       stdjson.RawMessage `json:"authorization_details"`
	ACRValues     string             `json:"acr_values"`
	Claims        stdjson.RawMessage `json:"claims"`
	IDTokenHint   string             `json:"id_token_hint"`
	// Of a request object alone: refused, for they would be one inside another.
	Request    string `json:"request"`
	RequestURI string `json:"request_uri"`
}

// fromForm reads the parameters of a form. Its client_id names the client and
// was used to find it.
func fromForm(form url.Values) (params, *Refusal) {
	p := params{
		ResponseType: form.Get("response_type"), ResponseMode: form.Get("response_mode"),
		RedirectURI: form.Get("redirect_uri"), Scope: form.Get("scope"),
		State: form.Get("state"), Nonce: form.Get("nonce"),
		Challenge: form.Get("code_challenge"), ChallengeKind: form.Get("code_challenge_method"),
		JKT: form.Get("dpop_jkt"), Prompt: form.Get("prompt"), UILocales: form.Get("ui_locales"),
		LoginHint: form.Get("login_hint"),
	}
	p.ACRValues, p.Claims, p.IDTokenHint = form.Get("acr_values"), stdjson.RawMessage(form.Get("claims")), form.Get("id_token_hint")
	if details := form.Get("authorization_details"); details != "" {
		p.Details = stdjson.RawMessage(details)
	}
	if age := form.Get("max_age"); age != "" {
		seconds, err := strconv.ParseInt(age, 10, 64)
		if err != nil {
			return p, refuse("invalid_request", "max_age is no number")
		}
		p.MaxAge = &seconds
	}
	return p, nil
}

// target checks where answers may be sent; before it, nothing is redirected.
// Byte for byte: the kit's own check unescapes first (RFC 9700, 2.1).
func (p params) target(c registry.Client) *Refusal {
	if !c.MayRedirect(p.RedirectURI) {
		return refuse("invalid_request", "redirect_uri is not registered for this client")
	}
	return nil
}

// authorization checks everything but the details, in the order of the
// specifications; target has been called.
func (p params) authorization(c registry.Client) (Authorization, *Refusal) {
	for _, check := range []func(registry.Client) *Refusal{p.checkFlow, p.checkPKCE, p.checkLimits} {
		if err := check(c); err != nil {
			return Authorization{}, err
		}
	}
	maxAge, prompt, err := p.freshness()
	if err != nil {
		return Authorization{}, err
	}
	a := Authorization{
		ClientID: c.ID, RedirectURI: p.RedirectURI, State: p.State, Nonce: p.Nonce,
		CodeChallenge: p.Challenge, JKT: p.JKT, Prompt: prompt, MaxAge: maxAge,
		UILocales: strings.Fields(p.UILocales), LoginHint: p.LoginHint,
	}
	// OpenID4VCI 1.0, 5.1.2 and RFC 6749, 3.3: unknown scopes are ignored.
	for _, scope := range strings.Fields(p.Scope) {
		if slices.Contains(c.Scopes, scope) && !slices.Contains(a.Scopes, scope) {
			a.Scopes = append(a.Scopes, scope)
		}
	}
	if len(a.Scopes) == 0 && len(p.Details) == 0 {
		return Authorization{}, refuse("invalid_scope", "nothing is asked for that this client may have")
	}
	return a, nil
}

func (p params) checkFlow(c registry.Client) *Refusal {
	if p.ResponseType != string(oidc.ResponseTypeCode) {
		return refuse("unsupported_response_type", "only the response type code")
	}
	if p.ResponseMode != "" && p.ResponseMode != string(oidc.ResponseModeQuery) {
		return refuse("invalid_request", "only the response mode query")
	}
	if !c.MayGrant(registry.GrantCode) {
		return refuse("unauthorized_client", "this client may not use the code flow")
	}
	return nil
}

// checkPKCE demands S256 of every client (RFC 7636, 4.3; RFC 9700, 2.1.1).
func (p params) checkPKCE(registry.Client) *Refusal {
	if p.ChallengeKind != string(oidc.CodeChallengeMethodS256) {
		return refuse("invalid_request", "code_challenge_method must be S256")
	}
	if !sha256Text(p.Challenge) {
		return refuse("invalid_request", "code_challenge is no SHA-256 in base64url")
	}
	return nil
}

func (p params) checkLimits(registry.Client) *Refusal {
	for _, text := range []string{p.RedirectURI, p.Scope, p.State, p.Nonce, p.UILocales, p.LoginHint, p.Prompt, p.ACRValues, p.IDTokenHint} {
		if len(text) > maxText {
			return refuse("invalid_request", "a parameter is too long")
		}
		// RFC 6749, Appendix A: no parameter has a control character.
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return refuse("invalid_request", "a parameter holds what no text has")
		}
	}
	if p.JKT != "" && !sha256Text(p.JKT) {
		return refuse("invalid_request", "dpop_jkt is no SHA-256 in base64url")
	}
	return nil
}

// freshness reads prompt and max_age (OpenID Connect Core 1.0, 3.1.2.1).
func (p params) freshness() (*int64, []string, *Refusal) {
	prompt := strings.Fields(p.Prompt)
	if _, err := op.ValidateAuthReqPrompt(prompt, nil); err != nil {
		return nil, nil, refuse("invalid_request", "prompt none stands alone")
	}
	for _, word := range prompt {
		if !slices.Contains([]string{oidc.PromptNone, oidc.PromptLogin, oidc.PromptConsent, oidc.PromptSelectAccount}, word) {
			return nil, nil, refuse("invalid_request", "prompt has an unknown word")
		}
	}
	if p.MaxAge != nil && *p.MaxAge < 0 {
		return nil, nil, refuse("invalid_request", "max_age is negative")
	}
	return p.MaxAge, prompt, nil
}

// sha256Text is base64url without padding of 32 bytes.
func sha256Text(s string) bool {
	if len(s) != 43 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// details reads authorization_details: elements of one type (RFC 9396, 2).
func (p params) details() (kind string, elements []stdjson.RawMessage, refusal *Refusal) {
	if len(p.Details) == 0 {
		return "", nil, nil
	}
	return elementsOf(p.Details)
}

func elementsOf(details stdjson.RawMessage) (kind string, elements []stdjson.RawMessage, refusal *Refusal) {
	bad := func(why string) (string, []stdjson.RawMessage, *Refusal) {
		return "", nil, refuse("invalid_authorization_details", why)
	}
	if err := jcs.Unmarshal(details, &elements); err != nil {
		return bad("not a JSON array")
	}
	if len(elements) == 0 || len(elements) > maxDetails {
		return bad("no element, or too many")
	}
	for i, element := range elements {
		var head struct {
			Type string `json:"type"`
		}
		if err := jcs.Unmarshal(element, &head); err != nil || head.Type == "" {
			return bad("an element is no object with a type")
		}
		if i > 0 && head.Type != kind {
			return bad("elements of several types")
		}
		kind = head.Type
	}
	return kind, elements, nil
}
