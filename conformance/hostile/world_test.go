package hostile_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
)

// A world is one deployment with two citizens and three agencies in it.
type world struct {
	*stage.Stage
	keyholders
	hub, verifier, insurer, licence, wallet string

	kim, lee *person
	asks     party // the licence office: consumer and client
	gives    party // the insurer: provider
	other    party // another certified agency, with a client of its own
	issuer   secretClient
	grants   grants
	lost     *lost
	before   state
}

// A person has a browser for attacks, one for looking, and a wallet.
type person struct {
	*citizen.Citizen
	watcher *citizen.Citizen
	wallet  *wallet.Wallet
	cards   string // the wallet's folder
	grant   string // with one use left, at the licence office
	ended   string // withdrawn
}

// A party is an agency as it signs, and its client at the hub.
type party struct {
	agency, client, redirect string
	key, encryption          *ecdsa.PrivateKey
	kid                      string
	chain                    [][]byte
}

// secretClient authenticates by a secret and may introspect.
type secretClient struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// postgres is an empty database of a server of our own.
func postgres(t *testing.T) string {
	t.Helper()
	server, err := stage.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() }) // a temporary folder
	database, err := server.Database(t.Context(), "hostile")
	if err != nil {
		t.Fatal(err)
	}
	return database
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	var k keyholders
	s := stage.Run(t, k.options(t, database))
	w := &world{
		Stage: s, keyholders: k, hub: s.URL(stage.IDP), verifier: s.URL(stage.Verifier), insurer: s.URL(stage.Insurer),
		licence: s.URL(stage.Licence), wallet: s.URL(stage.Wallet),
	}
	w.asks = w.office(t, "driving-licence")
	w.asks.client, w.asks.redirect = "driving-licence", w.licence+"/callback"
	w.gives = w.office(t, "health-insurance")
	w.other = w.newAgency(t, "urn:mydata:agency:other")
	w.issuer = w.newSecretClient(t)
	w.settleIn(t, w)
	w.kim, w.lee = w.newPerson(t, "resident-01"), w.newPerson(t, "resident-02")
	return w
}

// office reads what an agency of the story keeps.
func (w *world) office(t *testing.T, name string) party {
	p := party{agency: "urn:mydata:agency:" + name, key: readKey(t, w.Path("agencies", name, "key.pem")),
		encryption: readKey(t, w.Path("agencies", name, "encryption.pem")), chain: readPEM(t, w.Path("agencies", name, "chain.pem"))}
	p.kid = thumbprint(t, p.key)
	return p
}

// newAgency is certified by the government's CA and registered by the operator,
// as the licence office is; no grant is its.
func (w *world) newAgency(t *testing.T, id string) party {
	p := party{agency: id, client: "other-agency", redirect: "http://localhost:9/callback", key: newKey(t)}
	p.kid = thumbprint(t, p.key)
	p.chain = [][]byte{w.certify(t, p.key, id, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))}
	jwk := public(p.key)
	jwk.KeyID, jwk.Algorithm, jwk.Use = p.kid, "ES256", "sig"
	w.register(t, map[string]any{
		"client_id": p.client, "client_name": "Other", "agency": p.agency, "redirect_uris": []string{p.redirect},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "private_key_jwt",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk}}, "scope": "openid", "dpop_bound_access_tokens": true,
		"require_pushed_authorization_requests": true, "require_signed_request_object": true,
	}, nil)
	return p
}

// certify signs an agency's certificate with the government CA's key.
func (w *world) certify(t *testing.T, key *ecdsa.PrivateKey, id string, from, to time.Time) []byte {
	t.Helper()
	ca, err := x509.ParseCertificate(readPEM(t, w.Path("agencies", "ca.pem"))[0])
	if err != nil {
		t.Fatal(err)
	}
	uri, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "Other (demo)"},
		NotBefore: from, NotAfter: to, URIs: []*url.URL{uri}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, readKey(t, w.Path("agencies", "ca-key.pem")))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (w *world) newSecretClient(t *testing.T) (c secretClient) {
	w.register(t, map[string]any{
		"client_id": "secret-client", "client_name": "Secret", "redirect_uris": []string{"http://localhost:9/secret"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "client_secret_basic",
		"scope": "openid offline_access", "roles": []string{"introspect"},
	}, &c)
	return c
}

func (w *world) register(t *testing.T, metadata map[string]any, into any) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "client.json")
	if err := os.WriteFile(path, encode(t, metadata), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := w.Command(t.Context(), "idp", "client", "add", "--metadata", path, "--json")
	if err == nil && into != nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

// newPerson enrols, receives a card, and renews twice: one grant is used once of
// twice, the other is withdrawn.
func (w *world) newPerson(t *testing.T, resident string) *person {
	t.Helper()
	ctx := t.Context()
	letter, err := w.Letter(ctx, resident, false)
	if err != nil {
		t.Fatal(err)
	}
	config, err := citizen.WalletConfig(w.Path("trust"), w.wallet)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{Citizen: citizen.New(w.hub, resident), watcher: citizen.New(w.hub, resident), cards: t.TempDir()}
	if config.Store, err = wallet.Open(p.cards); err != nil {
		t.Fatal(err)
	}
	config.Presenting.Plain = true
	p.wallet = wallet.New(config)
	p.watcher.Phone = p.Phone
	for _, step := range []func() error{
		func() error { return p.Enrol(ctx, letter.URL) },
		func() error { return p.watcher.Login(ctx) },
		func() error { _, err := p.Receive(ctx, p.wallet); return err },
		func() (err error) { p.ended, err = p.Renew(ctx, w.licence); return err },
		func() error { return p.Withdraw(ctx, p.ended) },
		func() (err error) { p.grant, err = p.watcher.Renew(ctx, w.licence); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// text is random, for what must be new each time.
func text() string { return rand.Text() }
