package inspect

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/pkg/dpop"
)

// dpopKey makes proofs, also bad ones.
type dpopKey struct {
	key    *ecdsa.PrivateKey
	target string
	nonce  string
	now    time.Time
}

func (k *dpopKey) proof(claims, header map[string]any, alg string) (string, error) {
	all := map[string]any{"htm": "POST", "htu": k.target, "jti": rand.Text(), "iat": k.now.Unix()}
	if k.nonce != "" {
		all["nonce"] = k.nonce
	}
	return sign(k.key, map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: k.key.Public()}}, all, bend{claims: claims, header: header, alg: alg})
}

// proven is a case: a pushed request with a bad proof is refused for it, where a
// good one is taken (RFC 9449, 10.1).
func proven(name, clause string, claims, header map[string]any, alg string) trial {
	return trial{partClient, name, clause, func(ctx context.Context, p *probe) error {
		request := func(p *probe) url.Values { return p.request() }
		if err := p.prove(ctx, p.server.PAR, request, nil, "201"); err != nil {
			return fmt.Errorf("with a good proof: %w", err)
		}
		return p.prove(ctx, p.server.PAR, request, func(k *dpopKey) (string, error) { return k.proof(claims, header, alg) }, "400 invalid_dpop_proof")
	}}
}

// forged redeems a code that nobody made.
func forged(p *probe) url.Values {
	return values("grant_type", "authorization_code", "code", "forged", "redirect_uri", p.Client.RedirectURI,
		"code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
}

// prove posts a form with a proof, good where bad is nil; the server's nonce is
// given to it.
func (p *probe) prove(ctx context.Context, address string, form func(*probe) url.Values, bad func(*dpopKey) (string, error), wanted string) error {
	if p.Client == nil {
		return report.Skip("needs a registered client (--client)")
	}
	if len(p.server.Possession) == 0 {
		return report.Skip("the server takes no proofs of possession")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if bad == nil {
		bad = func(k *dpopKey) (string, error) { return k.proof(nil, nil, "") }
	}
	k := &dpopKey{key: key, target: address, now: p.Now()}
	for range 2 {
		proof, err := bad(k)
		if err != nil {
			return err
		}
		full, err := p.authenticated(form(p), bend{})
		if err != nil {
			return err
		}
		a, err := p.send(ctx, post(address, full).with(dpop.Header, proof))
		if err != nil {
			return err
		}
		if a.code() == "use_dpop_nonce" && k.nonce == "" {
			k.nonce = a.header.Get(dpop.NonceHeader)
			continue
		}
		return a.refusedBy(wanted)
	}
	return errors.New("it asks for a nonce again and again")
}
