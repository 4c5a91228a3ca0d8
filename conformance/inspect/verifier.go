package inspect

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/report"
)

// The parts of a verifier's report.
const (
	partRequest  = "request"
	partResponse = "response endpoint"
)

// asked is one request of the verifier, as a wallet reads it.
type asked struct {
	link           url.Values // of the openid4vp:// address
	answer         answer
	header, claims map[string]any
}

// Verifier tries a verifier by two of its requests.
func Verifier(ctx context.Context, o Options) (report.Report, error) {
	p := newProbe(o)
	p.offline = p.ask(ctx)
	return p.run(ctx, "verifier", slices.Concat(requestCases, responseCases))
}

// ask gets the verifier's requests: the one given, or two from its page.
func (p *probe) ask(ctx context.Context) error {
	links := []string{p.Request}
	if p.Request == "" {
		links = nil
		for range 2 {
			page, err := citizen.New(p.URL, "inspector").BeginProof(ctx, p.URL)
			if err != nil {
				return fmt.Errorf("its page gives no request; name one with --request: %w", err)
			}
			links = append(links, citizen.ProofLink(page))
		}
	}
	for _, link := range links {
		one, err := p.fetch(ctx, link)
		if err != nil {
			return err
		}
		p.asked = append(p.asked, one)
	}
	return nil
}

// fetch reads a request by reference (OpenID4VP 1.0, 5.7 and 5.10).
func (p *probe) fetch(ctx context.Context, link string) (asked, error) {
	u, err := url.Parse(link)
	if err != nil {
		return asked{}, fmt.Errorf("the link: %w", err)
	}
	one := asked{link: u.Query()}
	at := one.link.Get("request_uri")
	if at == "" {
		return asked{}, errors.New("the link names no request_uri")
	}
	call := get(at)
	if one.link.Get("request_uri_method") == "post" {
		call = post(at, values("wallet_nonce", walletNonce))
	}
	if one.answer, err = p.send(ctx, call); err != nil {
		return asked{}, err
	}
	if one.answer.status != http.StatusOK {
		return asked{}, fmt.Errorf("request_uri answers %d", one.answer.status)
	}
	one.header, one.claims, err = chained(string(one.answer.body))
	return one, err
}

const walletNonce = "a-wallet-wants-this-back"

func (a asked) text(member string) string {
	s, _ := a.claims[member].(string)
	return s
}

// keys are what a wallet may encrypt to.
func (a asked) keys() []jose.JSONWebKey {
	metadata, _ := a.claims["client_metadata"].(map[string]any)
	body, err := json.Marshal(metadata["jwks"])
	if err != nil {
		return nil
	}
	var set jose.JSONWebKeySet
	if json.Unmarshal(body, &set) != nil {
		return nil
	}
	return set.Keys
}

// holds is a case about every request.
func holds(name, clause string, check func(a asked) error) trial {
	return trial{partRequest, name, clause, func(_ context.Context, p *probe) error {
		for _, a := range p.asked {
			if err := check(a); err != nil {
				return err
			}
		}
		return nil
	}}
}

// fresh is a case: a value that no two requests share.
func fresh(name, clause string, value func(a asked) string, least int) trial {
	return trial{partRequest, name, clause, func(_ context.Context, p *probe) error {
		seen := map[string]bool{}
		for _, a := range p.asked {
			v := value(a)
			if len(v) < least || seen[v] {
				return fmt.Errorf("%q: shorter than %d characters, or there twice", v, least)
			}
			seen[v] = true
		}
		if len(p.asked) < 2 {
			return report.Skip("one request alone was given")
		}
		return nil
	}}
}

var (
	urlSafe = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
	queryID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

var requestCases = []trial{
	holds("signs its request, typed as one", "OpenID4VP 1.0, 5; RFC 9101, 10.8", func(a asked) error {
		if a.header["typ"] != "oauth-authz-req+jwt" || a.answer.media() != "application/oauth-authz-req+jwt" {
			return fmt.Errorf("typ %v, media type %s", a.header["typ"], a.answer.media())
		}
		return nil
	}),
	holds("is who its certificate says", "OpenID4VP 1.0, 5.9.3; HAIP 1.0, 5", func(a asked) error {
		certificate, err := leaf(a.header)
		if err != nil {
			return err
		}
		prefix, name, _ := strings.Cut(a.text("client_id"), ":")
		sum := sha256.Sum256(certificate.Raw)
		switch prefix {
		case "x509_hash":
			if name != base64.RawURLEncoding.EncodeToString(sum[:]) {
				return errors.New("x509_hash is of another certificate")
			}
		case "x509_san_dns":
			if !slices.Contains(certificate.DNSNames, name) {
				return errors.New("x509_san_dns is no name of the certificate")
			}
		default:
			return fmt.Errorf("client_id is prefixed %q", prefix)
		}
		return nil
	}),
	holds("is the same within the link and within the request", "OpenID4VP 1.0, 5; RFC 9101, 5", func(a asked) error {
		if a.link.Get("client_id") != a.text("client_id") {
			return fmt.Errorf("the link says %q", a.link.Get("client_id"))
		}
		return nil
	}),
	holds("speaks to wallets", "OpenID4VP 1.0, 5.8", func(a asked) error {
		if a.text("aud") != "https://self-issued.me/v2" {
			return fmt.Errorf("aud is %v", a.claims["aud"])
		}
		return nil
	}),
	holds("asks for a vp_token, encrypted, by direct_post", "OpenID4VP 1.0, 8.3; HAIP 1.0, 5", func(a asked) error {
		if a.text("response_type") != "vp_token" || a.text("response_mode") != "direct_post.jwt" || !safe(a.text("response_uri")) || a.claims["redirect_uri"] != nil {
			return fmt.Errorf("response_type %v, response_mode %v, response_uri %v", a.claims["response_type"], a.claims["response_mode"], a.claims["response_uri"])
		}
		return nil
	}),
	fresh("makes a nonce for each request", "OpenID4VP 1.0, 5.2 and 14.1", func(a asked) string { return a.text("nonce") }, 22),
	fresh("makes a state for each request", "OpenID4VP 1.0, 5.3", func(a asked) string { return a.text("state") }, 22),
	holds("writes nonces in characters that every address may hold", "OpenID4VP 1.0, 5.2", func(a asked) error {
		if !urlSafe.MatchString(a.text("nonce")) {
			return errors.New("the nonce has other characters")
		}
		return nil
	}),
	fresh("makes an encryption key for each request", "HAIP 1.0, 5", func(a asked) string {
		body, err := json.Marshal(a.keys())
		if err != nil || len(a.keys()) == 0 {
			return ""
		}
		return string(body)
	}, 1),
	holds("names key, algorithm and both content encryptions", "OpenID4VP 1.0, 8.3; HAIP 1.0, 5", func(a asked) error {
		metadata, _ := a.claims["client_metadata"].(map[string]any)
		encs := texts(metadata["encrypted_response_enc_values_supported"])
		for _, enc := range []string{"A128GCM", "A256GCM"} {
			if !slices.Contains(encs, enc) {
				return fmt.Errorf("encrypted_response_enc_values_supported is %v", encs)
			}
		}
		for _, key := range a.keys() {
			public, ok := key.Key.(*ecdsa.PublicKey)
			if !ok || public.Curve != elliptic.P256() || key.Algorithm != "ECDH-ES" || key.KeyID == "" {
				return fmt.Errorf("key %q is not public on P-256, with alg ECDH-ES and a kid", key.KeyID)
			}
		}
		return nil
	}),
	holds("says which formats it reads", "OpenID4VP 1.0, 11.1", func(a asked) error {
		metadata, _ := a.claims["client_metadata"].(map[string]any)
		if formats, _ := metadata["vp_formats_supported"].(map[string]any); len(formats) == 0 {
			return errors.New("no vp_formats_supported")
		}
		return nil
	}),
	holds("asks by DCQL, each credential by an id of its own", "OpenID4VP 1.0, 6.1", func(a asked) error {
		query, _ := a.claims["dcql_query"].(map[string]any)
		all, _ := query["credentials"].([]any)
		if len(all) == 0 || a.claims["scope"] != nil || a.claims["presentation_definition"] != nil {
			return errors.New("no credentials in dcql_query, or another query beside it")
		}
		seen := map[string]bool{}
		for _, v := range all {
			c, _ := v.(map[string]any)
			id, _ := c["id"].(string)
			if !queryID.MatchString(id) || seen[id] || c["format"] == nil || c["meta"] == nil {
				return fmt.Errorf("credential %q has no id of its own, no format or no meta", id)
			}
			seen[id] = true
		}
		return nil
	}),
	holds("gives a wallet's nonce back", "OpenID4VP 1.0, 5.10.1", func(a asked) error {
		if a.link.Get("request_uri_method") != "post" {
			return report.Skip("it hands its request out by GET")
		}
		if a.text("wallet_nonce") != walletNonce {
			return fmt.Errorf("wallet_nonce is %v", a.claims["wallet_nonce"])
		}
		return nil
	}),
	{partRequest, "lets nobody keep a request", "RFC 9111, 5.2.2.5", func(_ context.Context, p *probe) error {
		for _, a := range p.asked {
			if !strings.Contains(a.answer.header.Get("Cache-Control"), "no-store") {
				return errors.New("no Cache-Control: no-store")
			}
		}
		return nil
	}},
	{partRequest, "knows no request that it did not make", "OpenID4VP 1.0, 5.10", func(ctx context.Context, p *probe) error {
		at := p.asked[0].link.Get("request_uri")
		a, err := p.send(ctx, get(at[:strings.LastIndex(at, "/")+1]+"forged"))
		if err != nil {
			return err
		}
		return a.refusedBy("4xx")
	}},
}

// junk is a case: what is no answer is refused, and spends nothing.
func junk(name, clause string, make func(p *probe, a asked) (call, error)) trial {
	return trial{partResponse, name, clause, func(ctx context.Context, p *probe) error {
		one := p.asked[0]
		c, err := make(p, one)
		if err != nil {
			return err
		}
		a, err := p.send(ctx, c)
		if err != nil {
			return err
		}
		if err := a.refusedBy("4xx"); err != nil {
			return err
		}
		// What is nobody's answer must not end the request.
		again := get(one.link.Get("request_uri"))
		if one.link.Get("request_uri_method") == "post" {
			again = post(one.link.Get("request_uri"), values("wallet_nonce", walletNonce))
		}
		if a, err = p.send(ctx, again); err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("after it, the request answers %d", a.status)
		}
		return nil
	}}
}

// sealed encrypts a response to a key.
func sealed(key jose.JSONWebKey, enc jose.ContentEncryption, payload any, compression jose.CompressionAlgorithm) (string, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID}, &jose.EncrypterOptions{Compression: compression})
	if err != nil {
		return "", err
	}
	object, err := e.Encrypt(body)
	if err != nil {
		return "", err
	}
	return object.CompactSerialize()
}

// answering is a call to the response endpoint with a response for a state.
func answering(bend func(a asked) (key jose.JSONWebKey, payload map[string]any, zip jose.CompressionAlgorithm, err error)) func(*probe, asked) (call, error) {
	return func(_ *probe, a asked) (call, error) {
		if len(a.keys()) == 0 {
			return call{}, report.Skip("the request names no key")
		}
		key, payload, zip, err := bend(a)
		if err != nil {
			return call{}, err
		}
		jwe, err := sealed(key, jose.A128GCM, payload, zip)
		return post(a.text("response_uri"), values("response", jwe)), err
	}
}

var responseCases = []trial{
	junk("takes no GET", "OpenID4VP 1.0, 8.2", func(_ *probe, a asked) (call, error) { return get(a.text("response_uri")), nil }),
	junk("takes no empty answer", "OpenID4VP 1.0, 8.2", func(_ *probe, a asked) (call, error) { return post(a.text("response_uri"), nil), nil }),
	junk("takes nothing that is not encrypted", "OpenID4VP 1.0, 8.3.1; HAIP 1.0, 5", func(_ *probe, a asked) (call, error) {
		return post(a.text("response_uri"), values("vp_token", `{"card":["x"]}`, "state", a.text("state"))), nil
	}),
	junk("takes no JWE that is none", "OpenID4VP 1.0, 8.3", func(_ *probe, a asked) (call, error) {
		return post(a.text("response_uri"), values("response", "a.b.c.d.e")), nil
	}),
	junk("takes no answer twice in one", "RFC 6749, 3.1", func(_ *probe, a asked) (call, error) {
		return post(a.text("response_uri"), values("response", "a.b.c.d.e", "response", "a.b.c.d.e")), nil
	}),
	junk("opens nothing that is for another key", "OpenID4VP 1.0, 8.3", answering(func(a asked) (jose.JSONWebKey, map[string]any, jose.CompressionAlgorithm, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return jose.JSONWebKey{}, nil, "", err
		}
		return jose.JSONWebKey{Key: key.Public(), KeyID: a.keys()[0].KeyID}, map[string]any{"state": a.text("state"), "vp_token": map[string]any{}}, "", nil
	})),
	junk("takes no answer to another state", "OpenID4VP 1.0, 5.3 and 14.1", answering(func(a asked) (jose.JSONWebKey, map[string]any, jose.CompressionAlgorithm, error) {
		return a.keys()[0], map[string]any{"state": "another", "vp_token": map[string]any{}}, "", nil
	})),
	junk("inflates nothing", "RFC 8725, 3.6; OpenID4VP 1.0, 8.3", answering(func(a asked) (jose.JSONWebKey, map[string]any, jose.CompressionAlgorithm, error) {
		return a.keys()[0], map[string]any{"state": a.text("state"), "vp_token": strings.Repeat("0", 1<<20)}, jose.DEFLATE, nil
	})),
	junk("reads no answer that is too long", "RFC 9110, 15.5.14", func(_ *probe, a asked) (call, error) {
		return post(a.text("response_uri"), values("response", strings.Repeat("x", 4<<20))), nil
	}),
	// From here on the first request is spent.
	{partResponse, "takes a refusal of the wallet, and sends it on by JSON, not by a redirect", "OpenID4VP 1.0, 8.2 and 8.5", func(ctx context.Context, p *probe) error {
		one := p.asked[0]
		a, err := p.send(ctx, post(one.text("response_uri"), values("error", "access_denied", "state", one.text("state"))))
		if err != nil {
			return err
		}
		if a.status != http.StatusOK || a.media() != "application/json" {
			return fmt.Errorf("it answers %d, %s", a.status, a.media())
		}
		return nil
	}},
	{partResponse, "takes one answer to each request", "OpenID4VP 1.0, 14.1", func(ctx context.Context, p *probe) error {
		one := p.asked[0]
		a, err := p.send(ctx, post(one.text("response_uri"), values("error", "access_denied", "state", one.text("state"))))
		if err != nil {
			return err
		}
		return a.refusedBy("4xx")
	}},
}
