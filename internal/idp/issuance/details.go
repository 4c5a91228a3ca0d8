package issuance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const (
	// tokenLife is how long a token of authorization_details is good.
	tokenLife = 5 * time.Minute
	// loginLife is how old a login may be on whose strength a citizen agrees.
	loginLife = 5 * time.Minute
)

// Details is the detail type openid_credential (OpenID4VCI 1.0, 5.1.1): for this
// issuer's own configurations, and, through Elsewhere, for those of the issuers that
// this authorization server lets issue. locations tells them apart.
type Details struct {
	URL       string        // of this issuer
	Elsewhere oauth.Stepped // nil: nobody else
}

var _ oauth.Paged = (*Details)(nil)

// Type is the value of the member "type".
func (d *Details) Type() string { return openid4vci.DetailType }

// Step is where the citizen agrees to a card of this issuer.
func (d *Details) Step() string { return oauth.StepIssuance }

// StepOf is that, or the page of the other issuers.
func (d *Details) StepOf(refs []string) string {
	if d.Elsewhere != nil && !slices.ContainsFunc(refs, d.ours) {
		return d.Elsewhere.Step()
	}
	return d.Step()
}

// MaxAge keeps an open browser from being enough.
func (d *Details) MaxAge() time.Duration { return loginLife }

// ours tells a reference of this issuer: CONFIGURATION[+CONFIGURATION]@ISSUER.
func (d *Details) ours(ref string) bool {
	_, issuer, _ := strings.Cut(ref, "@")
	return issuer == d.URL
}

// Validate takes cards for clients that are registered for their scopes: by
// authorization_details nobody gets what he could not ask for by scope. All of one
// request is one reference, so that one token is for all of it.
func (d *Details) Validate(ctx context.Context, c registry.Client, details []json.RawMessage, object json.RawMessage) ([]string, error) {
	var configs []string
	for _, raw := range details {
		asked, err := parseDetail(raw)
		if err != nil {
			return nil, err
		}
		if asked.Locations[0] != d.URL {
			continue
		}
		k, ok := kindOf(asked.CredentialConfigurationID)
		switch {
		case !ok:
			return nil, invalidDetails("credential_configuration_id", "this issuer has no such configuration")
		case !slices.Contains(c.Scopes, k.scope):
			return nil, invalidDetails("client", "it is not registered for the scope of this credential")
		case !slices.Contains(configs, k.config):
			configs = append(configs, k.config)
		}
	}
	switch {
	case len(configs) == 0 && c.Dynamic && !slices.ContainsFunc(Scopes(), func(scope string) bool { return slices.Contains(c.Scopes, scope) }):
		return nil, invalidDetails("client", "it registered itself, and not for credentials")
	case len(configs) == 0 && d.Elsewhere != nil:
		return d.Elsewhere.Validate(ctx, c, details, object)
	case len(configs) == 0:
		return nil, invalidDetails("locations", "names no issuer that is known here")
	case d.mixed(details):
		return nil, invalidDetails("locations", "credentials of several issuers in one request")
	}
	return []string{d.reference(configs)}, nil
}

func (d *Details) mixed(details []json.RawMessage) bool {
	return slices.ContainsFunc(details, func(raw json.RawMessage) bool {
		asked, err := parseDetail(raw)
		return err != nil || asked.Locations[0] != d.URL
	})
}

func (d *Details) reference(configs []string) string { return strings.Join(configs, "+") + "@" + d.URL }

// configs of a reference of this issuer.
func (d *Details) configs(ref string) []string {
	names, _, _ := strings.Cut(ref, "@")
	return strings.Split(names, "+")
}

// Select reads the element of a token request.
func (d *Details) Select(detail json.RawMessage) (string, error) {
	asked, err := parseDetail(detail)
	if err != nil {
		return "", err
	}
	if asked.Locations[0] != d.URL && d.Elsewhere != nil {
		return d.Elsewhere.Select(detail)
	}
	return d.reference([]string{asked.CredentialConfigurationID}), nil
}

// Authorize names the person's dataset of each configuration (6.2).
func (d *Details) Authorize(ctx context.Context, c registry.Client, citizen, ref string) (oauth.Authorized, error) {
	if !d.ours(ref) {
		if d.Elsewhere == nil {
			return oauth.Authorized{}, fmt.Errorf("details: a reference of nobody")
		}
		return d.Elsewhere.Authorize(ctx, c, citizen, ref)
	}
	var given []openid4vci.Detail
	for _, config := range d.configs(ref) {
		k, ok := kindOf(config)
		if !ok { // it was taken out meanwhile
			return oauth.Authorized{}, &oauth.Refusal{Code: "invalid_grant", Description: "credential_configuration_id: no longer given"}
		}
		given = append(given, openid4vci.Detail{Type: openid4vci.DetailType, CredentialConfigurationID: k.config,
			Locations: []string{d.URL}, CredentialIdentifiers: []string{k.dataset}})
	}
	details, err := json.Marshal(given)
	if err != nil {
		return oauth.Authorized{}, fmt.Errorf("details: %w", err)
	}
	return oauth.Authorized{Audience: d.URL, TTL: tokenLife, Details: details, Claims: map[string]any{"authorization_details": given}}, nil
}

// granted tells whether the token response named an identifier for this kind.
func granted(token oauth.Token, k kind) bool {
	for _, ref := range oauth.References(token.Refs, openid4vci.DetailType) {
		if slices.Contains((&Details{}).configs(ref), k.config) {
			return true
		}
	}
	return false
}

func scoped(token oauth.Token, k kind) bool { return slices.Contains(token.Scopes, k.scope) }

// identified finds the kind of a credential_identifier that the token response
// named; nobody else's identifier is known.
func identified(id string, token oauth.Token) (kind, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.dataset == id && granted(token, k) })
	if i < 0 {
		return kind{}, openid4vci.Refuse(openid4vci.UnknownCredentialIdentifier, "credential_identifier",
			"the token response named no such identifier")
	}
	return kinds[i], nil
}

func parseDetail(raw json.RawMessage) (openid4vci.Detail, error) {
	detail, err := openid4vci.ParseDetail(raw)
	if why, ok := errors.AsType[*openid4vci.Error](err); ok {
		err = &oauth.Refusal{Code: "invalid_authorization_details", Description: why.Description, Err: err}
	}
	return detail, err
}

func invalidDetails(check, cause string) error {
	return &oauth.Refusal{Code: "invalid_authorization_details", Description: check + ": " + cause}
}
