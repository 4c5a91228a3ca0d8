package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// bearer holds a token that a hub gave, bound to its key.
type bearer struct {
	hub, token string
	key        *ecdsa.PrivateKey
}

// signed makes a JWT that carries its key.
func (b bearer) signed(ts *testscript.TestScript, typ string, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: b.key},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("jwk", jose.JSONWebKey{Key: b.key.Public()}))
	ts.Check(err)
	body, err := json.Marshal(claims)
	ts.Check(err)
	jws, err := signer.Sign(body)
	ts.Check(err)
	text, err := jws.CompactSerialize()
	ts.Check(err)
	return text
}

// proof is one for a POST, of exactly that size where one is wanted.
func (b bearer) proof(ts *testscript.TestScript, address string, size int) string {
	claims := map[string]any{"jti": rand.Text(), "htm": "POST", "htu": address, "iat": time.Now().Unix()}
	if b.token != "" {
		claims["ath"] = dpop.TokenHash(b.token)
	}
	for text := b.signed(ts, "dpop+jwt", claims); ; text = b.signed(ts, "dpop+jwt", claims) {
		if len(text) >= size {
			return text
		}
		pad, _ := claims["pad"].(string)
		claims["pad"] = pad + strings.Repeat("x", max((size-len(text))*3/4-8, 1))
	}
}

func post(ts *testscript.TestScript, address string, header http.Header, body string, into any) (int, string) {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	ts.Check(err)
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if into != nil {
		ts.Check(json.Unmarshal(text, into))
	}
	return resp.StatusCode, string(text)
}

// heavy redeems an offer, and asks for the card with header fields of every size.
func heavy(ts *testscript.TestScript, _ bool, args []string) {
	var placed struct {
		Offer string `json:"credential_offer"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &placed))
	offered, err := wallet.New(wallet.Config{Development: true}).ReadOffer(context.Background(), placed.Offer)
	ts.Check(err)
	b := bearer{hub: "http://localhost:" + ts.Getenv("IDP")}
	b.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	form := url.Values{"grant_type": {openid4vci.PreAuthorizedGrantType}, "pre-authorized_code": {offered.Offer.Grants.PreAuthorizedCode.PreAuthorizedCode}}
	var given struct {
		Token string `json:"access_token"`
	}
	post(ts, b.hub+"/token", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Dpop": {b.proof(ts, b.hub+"/token", 0)}}, form.Encode(), &given)
	b.token = given.Token
	for _, c := range []struct {
		name         string
		token, proof int // sizes
		status       int
		says         string
	}{
		{"it serves the longest token with the longest proof", oauth.MaxToken, dpop.MaxProof, 200, "credentials"},
		{"it refuses a longer token by name", oauth.MaxToken + 1, 0, 400, "a token of 32 KiB at most"},
		{"it refuses a longer proof by name", 0, dpop.MaxProof + 1, 401, "the proof is too long"},
		{"it refuses what no token can be", 64 << 10, 0, 431, "Request Header Fields Too Large"},
	} {
		var nonce openid4vci.NonceResponse
		post(ts, b.hub+"/nonce", nil, "", &nonce)
		body, err := json.Marshal(map[string]any{"credential_configuration_id": "resident_card_sd_jwt", "proofs": map[string]any{"jwt": []string{
			b.signed(ts, openid4vci.ProofTyp, map[string]any{"aud": b.hub, "iat": time.Now().Unix(), "nonce": nonce.CNonce})}}})
		ts.Check(err)
		address := b.hub + "/credential"
		status, text := post(ts, address, http.Header{"Content-Type": {"application/json"}, "Dpop": {b.proof(ts, address, c.proof)},
			"Authorization": {"DPoP " + strings.Repeat(" ", max(c.token-len(b.token), 0)) + b.token}}, string(body), nil)
		if status != c.status || !strings.Contains(text, c.says) {
			ts.Fatalf("%s: %d %s", c.name, status, text)
		}
	}
}

// What a proxy speaks to us, or a browser, may be HTTP/2: the same fits.
func TestHeadersThatFit(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	s := server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }), slog.New(slog.DiscardHandler))
	s.TLSConfig = &tls.Config{Certificates: certificate.TLS.Certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(l, "", "") }()
	defer func() {
		if err := errors.Join(s.Close(), <-ended); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: version == "HTTP/2.0"}}
		many, err := http.NewRequest(http.MethodGet, "https://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			many.Header.Set(fmt.Sprint("X-", i), "")
		}
		if resp, err := client.Do(many); err != nil || resp.Body.Close() != nil || resp.StatusCode != 431 {
			t.Errorf("%s, 200 fields: %v, %v", version, resp, err)
		}
		for size, fits := range map[int]bool{oauth.MaxToken: true, 48 << 10: false} {
			r, err := http.NewRequest(http.MethodGet, "https://"+l.Addr().String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "DPoP "+strings.Repeat("x", size))
			r.Header.Set("DPoP", strings.Repeat("x", dpop.MaxProof))
			resp, err := client.Do(r)
			if err != nil { // a client may know beforehand (RFC 9113, 10.5.1)
				if fits || !strings.Contains(err.Error(), "limit") {
					t.Errorf("%s, %d bytes: %v", version, size, err)
				}
				continue
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || fits != (resp.StatusCode == 200 && bytes.Equal(body, []byte(version))) || !fits && resp.StatusCode != 431 {
				t.Errorf("%s, %d bytes: %d %s %v", version, size, resp.StatusCode, body, err)
			}
		}
	}
}
