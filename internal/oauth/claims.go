package oauth

import (
	stdjson "encoding/json"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/internal/registry"
)

// maxClaims bounds the names that one request asks for.
const maxClaims = 64

// asks is the part of a request that says how somebody is to be logged in, and
// which claims are wanted one by one (OpenID Connect Core 1.0, 3.1.2.1 and 5.5).
type asks struct {
	ACRValues   string
	Claims      stdjson.RawMessage
	IDTokenHint string
}

func (p params) asks() asks { return asks{p.ACRValues, p.Claims, p.IDTokenHint} }

// Wanted are the names of claims asked for one by one.
type Wanted struct {
	UserInfo []string
	IDToken  []string
}

// claimRequest is one member of the claims parameter (5.5.1); null asks for the
// claim as it comes.
type claimRequest struct {
	Essential bool                 `json:"essential"`
	Value     stdjson.RawMessage   `json:"value"`
	Values    []stdjson.RawMessage `json:"values"`
}

// texts are the values asked for, as far as they are texts.
func (c *claimRequest) texts() (out []string) {
	if c == nil {
		return nil
	}
	for _, raw := range append([]stdjson.RawMessage{c.Value}, c.Values...) {
		var text string
		if len(raw) > 0 && json.Unmarshal(raw, &text) == nil {
			out = append(out, text)
		}
	}
	return out
}

// claimed reads asks into a.
func (s *Server) claimed(c registry.Client, p asks, a *Authorization) *Refusal {
	a.ACRValues = strings.Fields(p.ACRValues)
	if len(p.Claims) > 0 {
		var all struct {
			UserInfo map[string]*claimRequest `json:"userinfo"`
			IDToken  map[string]*claimRequest `json:"id_token"`
		}
		if err := json.Unmarshal(p.Claims, &all); err != nil || p.Claims[0] != '{' {
			return refuse("invalid_request", "claims: not the JSON of OpenID Connect Core 1.0, 5.5")
		}
		if len(all.UserInfo)+len(all.IDToken) > maxClaims {
			return refuse("invalid_request", "claims: too many")
		}
		if acr := all.IDToken["acr"]; acr != nil {
			values := acr.texts()
			a.ACRValues = append(values, a.ACRValues...)
			if acr.Essential && len(values) > 0 {
				a.EssentialACR = values
			}
		}
		for _, sub := range []*claimRequest{all.UserInfo["sub"], all.IDToken["sub"]} {
			if err := a.only(sub.texts()); err != nil {
				return err
			}
		}
		a.Wanted = Wanted{s.mayAsk(c, all.UserInfo), s.mayAsk(c, all.IDToken)}
	}
	if p.IDTokenHint == "" {
		return nil
	}
	hint, err := s.hint(p.IDTokenHint)
	if err != nil {
		return &Refusal{Code: "invalid_request", Description: "id_token_hint: not an id_token of this server", Err: err}
	}
	if !hint.of(c) {
		return refuse("invalid_request", "id_token_hint: of another client")
	}
	return a.only([]string{hint.Subject})
}

// only notes who must be logged in; two requests for different people cannot both
// be met.
func (a *Authorization) only(subjects []string) *Refusal {
	for _, subject := range subjects {
		if a.Subject != "" && a.Subject != subject {
			return refuse("invalid_request", "claims: sub is asked to be two people")
		}
		a.Subject = subject
	}
	return nil
}

// mayAsk are the claims that this client may ask for: those of its scopes. Others
// are ignored (5.5).
func (s *Server) mayAsk(c registry.Client, asked map[string]*claimRequest) (out []string) {
	for name := range asked {
		if scope, ok := s.ClaimScopes[name]; ok && slices.Contains(c.Scopes, scope) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// scopesOf are the scopes whose claims answer these names.
func (s *Server) scopesOf(names []string) (out []string) {
	for _, name := range names {
		if scope := s.ClaimScopes[name]; !slices.Contains(out, scope) {
			out = append(out, scope)
		}
	}
	return out
}
