package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// issues skips what has no issuer.
func issues(run func(ctx context.Context, p *probe) error) func(ctx context.Context, p *probe) error {
	return func(ctx context.Context, p *probe) error {
		if p.issuer == nil {
			return report.Skip("there is no issuer's metadata between host and path")
		}
		return run(ctx, p)
	}
}

// each is a case about every credential configuration.
func each(name, clause string, check func(id string, c map[string]any) error) trial {
	return trial{partIssuer, name, clause, issues(func(_ context.Context, p *probe) error {
		all, _ := p.issuer["credential_configurations_supported"].(map[string]any)
		if len(all) == 0 {
			return errors.New("credential_configurations_supported is empty")
		}
		for id, v := range all {
			c, ok := v.(map[string]any)
			if !ok {
				return fmt.Errorf("%s is no object", id)
			}
			if err := check(id, c); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		return nil
	})}
}

var issuerCases = []trial{
	{partIssuer, "describes itself between host and path, by the identifier asked for", "OpenID4VCI 1.0, 12.2.2 and 12.2.4", issues(func(_ context.Context, p *probe) error {
		if p.issuer["credential_issuer"] != p.URL {
			return fmt.Errorf("credential_issuer is %v", p.issuer["credential_issuer"])
		}
		return nil
	})},
	{partIssuer, "names a credential endpoint over TLS, and a nonce endpoint", "OpenID4VCI 1.0, 12.2.4", issues(func(_ context.Context, p *probe) error {
		if !safe(p.credential("credential_endpoint")) || !safe(p.credential("nonce_endpoint")) {
			return errors.New("credential_endpoint or nonce_endpoint is missing, or not over TLS")
		}
		return nil
	})},
	each("gives each credential a scope of its own", "HAIP 1.0, 4.1", func(_ string, c map[string]any) error {
		if scope, _ := c["scope"].(string); scope == "" {
			return errors.New("no scope")
		}
		return nil
	}),
	each("binds each credential to a key, and says by which proofs", "OpenID4VCI 1.0, 12.2.4", func(_ string, c map[string]any) error {
		if len(texts(c["cryptographic_binding_methods_supported"])) == 0 {
			return nil // a credential without a holder's key
		}
		types, _ := c["proof_types_supported"].(map[string]any)
		if len(types) == 0 {
			return errors.New("no proof_types_supported")
		}
		for name, v := range types {
			kind, _ := v.(map[string]any)
			if err := strong("proof_signing_alg_values_supported of "+name, texts(kind["proof_signing_alg_values_supported"])); err != nil {
				return err
			}
		}
		return nil
	}),
	each("tells wallets what to show", "OpenID4VCI 1.0, 12.2.4", func(_ string, c map[string]any) error {
		m, _ := c["credential_metadata"].(map[string]any)
		if display, _ := m["display"].([]any); len(display) == 0 {
			return errors.New("no display")
		}
		return nil
	}),
	{partIssuer, "signs its description for who asks for it", "OpenID4VCI 1.0, 12.2.3", issues(signedMetadata)},
	{partIssuer, "gives fresh nonces, by POST alone, that nobody keeps", "OpenID4VCI 1.0, 7", issues(nonces)},
	refuses(partIssuer, "gives no nonce by GET", "OpenID4VCI 1.0, 7.1", func(p *probe) call { return get(p.credential("nonce_endpoint")) }, "405", "404"),
	{partIssuer, "offers batches of two at least, where it offers any", "OpenID4VCI 1.0, 12.2.4", issues(func(_ context.Context, p *probe) error {
		batch, ok := p.issuer["batch_credential_issuance"].(map[string]any)
		if !ok {
			return report.Skip("it issues no batches")
		}
		if size, _ := batch["batch_size"].(float64); size < 2 {
			return fmt.Errorf("batch_size is %v", batch["batch_size"])
		}
		return nil
	})},
	{partIssuer, "names keys and algorithms, and no compression, for encrypted messages", "OpenID4VCI 1.0, 10 and 12.2.4", issues(func(_ context.Context, p *probe) error {
		request, asked := p.issuer["credential_request_encryption"].(map[string]any)
		response, given := p.issuer["credential_response_encryption"].(map[string]any)
		if !asked && !given {
			return report.Skip("it encrypts nothing")
		}
		if asked && (request["jwks"] == nil || len(texts(request["enc_values_supported"])) == 0) {
			return errors.New("credential_request_encryption has no jwks or no enc_values_supported")
		}
		if given && (len(texts(response["alg_values_supported"])) == 0 || len(texts(response["enc_values_supported"])) == 0) {
			return errors.New("credential_response_encryption has no alg_values_supported or no enc_values_supported")
		}
		return nil
	})},
	{partIssuer, "publishes type metadata whose vct is its address", "SD-JWT VC, 6", issues(typeMetadata)},
}

func nonces(ctx context.Context, p *probe) error {
	seen := map[string]bool{}
	for range 8 {
		a, err := p.send(ctx, raw(p.credential("nonce_endpoint"), "application/x-www-form-urlencoded", ""))
		if err != nil {
			return err
		}
		v, err := a.object()
		if err != nil {
			return err
		}
		nonce, _ := v["c_nonce"].(string)
		switch {
		case a.status != http.StatusOK:
			return fmt.Errorf("it answers %d", a.status)
		case len(nonce) < 16 || seen[nonce]:
			return fmt.Errorf("c_nonce of %d characters, or the same again", len(nonce))
		case !strings.Contains(a.header.Get("Cache-Control"), "no-store"):
			return errors.New("no Cache-Control: no-store")
		}
		seen[nonce] = true
	}
	return nil
}

func signedMetadata(ctx context.Context, p *probe) error {
	address, err := openid4vci.MetadataURL(p.URL)
	if err != nil {
		return err
	}
	a, err := p.send(ctx, get(address).with("Accept", "application/jwt"))
	if err != nil {
		return err
	}
	if a.media() == "application/json" {
		return report.Skip("it signs no description; that is optional")
	}
	header, claims, err := chained(string(a.body))
	if err != nil {
		return err
	}
	switch {
	case a.media() != "application/jwt":
		return fmt.Errorf("the media type is %s", a.media())
	case header["typ"] != "openidvci-issuer-metadata+jwt":
		return fmt.Errorf("typ is %v", header["typ"])
	case claims["sub"] != p.URL:
		return fmt.Errorf("sub is %v", claims["sub"])
	case claims["iat"] == nil:
		return errors.New("no iat")
	case claims["credential_issuer"] != p.URL:
		return fmt.Errorf("credential_issuer is %v", claims["credential_issuer"])
	}
	return nil
}

func typeMetadata(ctx context.Context, p *probe) error {
	all, _ := p.issuer["credential_configurations_supported"].(map[string]any)
	tried := 0
	for _, v := range all {
		c, _ := v.(map[string]any)
		vct, _ := c["vct"].(string)
		if !safe(vct) {
			continue // a name, no address
		}
		tried++
		a, err := p.send(ctx, get(vct))
		if err != nil {
			return err
		}
		m, err := a.object()
		if err != nil || m["vct"] != vct {
			return fmt.Errorf("%s describes %v: %w", vct, m["vct"], err)
		}
	}
	if tried == 0 {
		return report.Skip("its types are names, no addresses")
	}
	return nil
}

var statusCases = []trial{
	{partStatus, "signs each list, about its own address, for a short time", "Token Status List, 5.1 and 8.3; HAIP 1.0, 6.1", lists(func(l listed) error {
		switch exp, iat := seconds(l.claims["exp"]), seconds(l.claims["iat"]); {
		case l.header["typ"] != "statuslist+jwt":
			return fmt.Errorf("typ is %v", l.header["typ"])
		case l.claims["sub"] != l.address:
			return fmt.Errorf("sub is %v", l.claims["sub"])
		case iat.IsZero() || iat.After(l.now.Add(time.Minute)):
			return fmt.Errorf("iat is %v", l.claims["iat"])
		case exp.IsZero() && l.claims["ttl"] == nil:
			return errors.New("neither exp nor ttl")
		case !exp.IsZero() && !exp.After(l.now):
			return errors.New("it has expired")
		}
		return nil
	})},
	{partStatus, "packs each list in a size of one, two, four or eight bits", "Token Status List, 4.1", lists(func(l listed) error {
		list, _ := l.claims["status_list"].(map[string]any)
		bits, _ := list["bits"].(float64)
		if lst, _ := list["lst"].(string); lst == "" || !slices.Contains([]float64{1, 2, 4, 8}, bits) {
			return fmt.Errorf("bits is %v, or lst is missing", list["bits"])
		}
		return nil
	})},
	{partStatus, "names the media type, and lets every site read", "Token Status List, 8.1 and 8.2", lists(func(l listed) error {
		if l.answer.media() != "application/statuslist+jwt" || l.answer.header.Get("Access-Control-Allow-Origin") != "*" {
			return fmt.Errorf("%s, Access-Control-Allow-Origin %q", l.answer.media(), l.answer.header.Get("Access-Control-Allow-Origin"))
		}
		return nil
	})},
}

// listed is one status list that an aggregation names.
type listed struct {
	address        string
	answer         answer
	header, claims map[string]any
	now            time.Time
}

// lists reads what the issuer's aggregation names (Token Status List, 9).
func lists(check func(listed) error) func(ctx context.Context, p *probe) error {
	return issues(func(ctx context.Context, p *probe) error {
		address := cmp.Or(p.credential("status_list_aggregation_endpoint"), p.server.StatusLists)
		if address == "" {
			return report.Skip("the metadata names no status_list_aggregation_endpoint")
		}
		a, err := p.send(ctx, get(address))
		if err != nil {
			return err
		}
		var all struct {
			Lists []string `json:"status_lists"`
		}
		if err := json.Unmarshal(a.body, &all); err != nil || a.status != http.StatusOK {
			return fmt.Errorf("the aggregation answers %d: %w", a.status, err)
		}
		if len(all.Lists) == 0 {
			return report.Skip("nothing has been issued yet")
		}
		for _, at := range all.Lists[:min(len(all.Lists), 4)] {
			a, err := p.send(ctx, get(at).with("Accept", "application/statuslist+jwt"))
			if err != nil {
				return err
			}
			header, claims, err := chained(string(a.body))
			if err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
			if err := check(listed{at, a, header, claims, p.Now()}); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		}
		return nil
	})
}

func seconds(v any) time.Time {
	n, ok := v.(float64)
	if !ok {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}
