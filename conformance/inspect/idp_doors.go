package inspect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const nobody = "nobody-is-registered-so"

// asking is a good authorization request but for its client, and what changes.
func asking(changes ...string) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {nobody}, "redirect_uri": {"https://evil.example/callback"}, "scope": {"openid"},
		"state": {"s"}, "nonce": {"n"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	for pair := range slices.Chunk(changes, 2) {
		v.Set(pair[0], pair[1])
	}
	return v
}

// stays is a case: the browser is told on the server's own page, and sent nowhere.
func stays(name, clause string, changes ...string) trial {
	return trial{partAuthorize, name, clause, func(ctx context.Context, p *probe) error {
		a, err := p.send(ctx, get(p.server.Authorize+"?"+asking(changes...).Encode()))
		if err != nil {
			return err
		}
		if to := a.header.Get("Location"); strings.HasPrefix(to, "https://evil.example") {
			return fmt.Errorf("it sends the browser to %s", to)
		}
		return a.refusedBy("4xx")
	}}
}

var authorizeCases = []trial{
	stays("sends no browser to the address of an unknown client", "RFC 6749, 4.1.2.1; RFC 9700, 4.11"),
	stays("sends no browser anywhere without a client", "RFC 6749, 4.1.2.1", "client_id", ""),
	stays("takes no request_uri that it did not make", "RFC 9126, 4", "request_uri", "urn:ietf:params:oauth:request_uri:forged"),
	stays("fetches no request object from elsewhere", "RFC 9101, 10.4; FAPI 2.0, 5.3.2.2", "request_uri", "https://evil.example/request.jwt"),
	stays("takes no token response type", "FAPI 2.0, 5.3.2.2", "response_type", "token"),
	{partAuthorize, "does not let itself be framed", "RFC 9700, 4.16", func(ctx context.Context, p *probe) error {
		a, err := p.send(ctx, get(p.server.Authorize+"?"+asking().Encode()))
		if err != nil {
			return err
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors") && a.header.Get("X-Frame-Options") == "" {
			return errors.New("neither frame-ancestors nor X-Frame-Options")
		}
		return nil
	}},
}

// toToken posts to the token endpoint.
func toToken(pairs ...string) func(*probe) call {
	return func(p *probe) call { return post(p.server.Token, values(pairs...)) }
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		v.Add(pair[0], pair[1])
	}
	return v
}

var tokenCases = []trial{
	refuses(partToken, "takes no GET", "RFC 6749, 3.2", func(p *probe) call { return get(p.server.Token + "?grant_type=authorization_code&code=x") }, "4xx"),
	refuses(partToken, "reads no parameters from the address", "RFC 6749, 3.2 and 2.3.1", func(p *probe) call {
		return post(p.server.Token+"?grant_type=authorization_code&code=x&client_id="+nobody+"&client_secret=y", nil)
	}, "400 invalid_request", "401 invalid_client"),
	refuses(partToken, "names a missing grant type", "RFC 6749, 5.2", toToken("code", "x"), "400 invalid_request"),
	refuses(partToken, "names a grant type given twice", "RFC 6749, 3.2", toToken("grant_type", "authorization_code", "grant_type", "authorization_code"), "400 invalid_request"),
	refuses(partToken, "knows no password grant", "RFC 9700, 2.4", toToken("grant_type", "password", "username", "u", "password", "p"), "400 unsupported_grant_type"),
	refuses(partToken, "knows no jwt-bearer grant", "RFC 7521, 4.1", toToken("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "x.y.z"), "400 unsupported_grant_type"),
	refuses(partToken, "knows no client that is not registered", "RFC 6749, 5.2", toToken("grant_type", "authorization_code", "code", "x", "client_id", nobody), "401 invalid_client", "400 invalid_client"),
	refuses(partToken, "takes no unsigned client assertion", "RFC 7523, 3", toToken("grant_type", "authorization_code", "code", "x",
		"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJub2JvZHkifQ."), "401 invalid_client", "400 invalid_client"),
	refuses(partToken, "takes no body that is not a form", "RFC 6749, 4.1.3", func(p *probe) call {
		return raw(p.server.Token, "application/json", `{"grant_type":"authorization_code","code":"x"}`)
	}, "4xx"),
	refuses(partToken, "takes no body that is too long", "RFC 9110, 15.5.14", toToken("grant_type", "authorization_code", "code", strings.Repeat("x", 1<<21)), "4xx"),
	refuses(partToken, "knows no pre-authorized code that it did not make", "OpenID4VCI 1.0, 6.3", func(p *probe) call {
		return post(p.server.Token, values("grant_type", openid4vci.PreAuthorizedGrantType, "pre-authorized_code", "forged"))
	}, "400 invalid_grant", "401 invalid_client", "400 unsupported_grant_type"),
	{partToken, "lets nobody keep its answers, nor another site read them", "RFC 6749, 5.1; Fetch, CORS", func(ctx context.Context, p *probe) error {
		a, err := p.send(ctx, post(p.server.Token, values("grant_type", "authorization_code", "code", "x", "client_id", nobody)).with("Origin", "https://evil.example"))
		if err != nil {
			return err
		}
		if !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
			return errors.New("no Cache-Control: no-store")
		}
		return crossOrigin(a)
	}},
}

// guarded is a case: the door asks for a token, in the header (RFC 6750, 3).
func guarded(name, clause string, to func(*probe) call) trial {
	return trial{partDoors, name, clause, func(ctx context.Context, p *probe) error {
		a, err := p.send(ctx, to(p))
		if err != nil {
			return err
		}
		if a.header.Get("WWW-Authenticate") == "" {
			return errors.New("no WWW-Authenticate")
		}
		return a.refusedBy("401")
	}}
}

func (p *probe) credential(member string) string {
	address, _ := p.issuer[member].(string)
	return address
}

var doorCases = []trial{
	guarded("tells nothing of anybody without a token", "RFC 6750, 3", func(p *probe) call { return get(p.server.UserInfo) }),
	guarded("tells nothing of anybody for a token that it did not make", "RFC 6750, 3.1", func(p *probe) call {
		return get(p.server.UserInfo).with("Authorization", "Bearer forged")
	}),
	guarded("takes no token from the address", "RFC 6750, 2.3; FAPI 2.0, 5.3.3", func(p *probe) call { return get(p.server.UserInfo + "?access_token=forged") }),
	guarded("issues nothing without a token", "OpenID4VCI 1.0, 8", func(p *probe) call {
		return raw(p.credential("credential_endpoint"), "application/json", `{"credential_configuration_id":"x"}`)
	}),
	guarded("issues nothing for a token whose possession is not proven", "RFC 9449, 7.1", func(p *probe) call {
		return raw(p.credential("credential_endpoint"), "application/json", `{"credential_configuration_id":"x"}`).with("Authorization", "DPoP forged")
	}),
	guarded("hears no notification without a token", "OpenID4VCI 1.0, 11", func(p *probe) call {
		return raw(p.credential("notification_endpoint"), "application/json", `{"notification_id":"x","event":"credential_accepted"}`)
	}),
	guarded("hands out nothing deferred without a token", "OpenID4VCI 1.0, 9", func(p *probe) call {
		return raw(p.credential("deferred_credential_endpoint"), "application/json", `{"transaction_id":"x"}`)
	}),
	refuses(partDoors, "introspects for nobody", "RFC 7662, 2.1", func(p *probe) call { return post(p.server.Introspection, values("token", "x")) }, "401", "400 invalid_client"),
	refuses(partDoors, "revokes for nobody", "RFC 7009, 2.1", func(p *probe) call { return post(p.server.Revocation, values("token", "x")) }, "401", "400 invalid_client"),
	refuses(partDoors, "takes no pushed request of nobody", "RFC 9126, 2", func(p *probe) call { return post(p.server.PAR, asking()) }, "401 invalid_client", "400 invalid_client"),
	refuses(partDoors, "takes no pushed request by GET", "RFC 9126, 2.3", func(p *probe) call { return get(p.server.PAR + "?" + asking().Encode()) }, "405"),
	refuses(partDoors, "registers nobody without an initial access token", "RFC 7591, 3", func(p *probe) call {
		return raw(p.server.Registration, "application/json", `{"redirect_uris":["https://evil.example/callback"]}`)
	}, "401", "403"),
	refuses(partDoors, "starts no device flow for nobody", "RFC 8628, 3.1", func(p *probe) call { return post(p.server.Device, values("client_id", nobody)) }, "401 invalid_client", "400 invalid_client"),
	{partDoors, "sends nobody away after a logout to an address that is not registered", "OpenID Connect RP-Initiated Logout 1.0, 3", func(ctx context.Context, p *probe) error {
		if p.server.EndSession == "" {
			_, err := p.send(ctx, call{})
			return err
		}
		a, err := p.send(ctx, get(p.server.EndSession+"?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F&client_id="+nobody))
		if err != nil {
			return err
		}
		if strings.HasPrefix(a.header.Get("Location"), "https://evil.example") {
			return errors.New("it sends the browser to https://evil.example")
		}
		if a.status == http.StatusOK || a.status >= 300 && a.status < 400 {
			return nil
		}
		return a.refusedBy("4xx")
	}},
}
