package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// Accept redeems a pre-authorized offer and fetches what it offers. txCode is
// empty exactly when the offer asks for none.
func (w *Wallet) Accept(ctx context.Context, o Offered, txCode string) ([]Credential, error) {
	g, err := w.preAuthorized(ctx, o, txCode)
	if err != nil {
		return nil, err
	}
	return w.fetchAll(ctx, g)
}

func (w *Wallet) fetchAll(ctx context.Context, g *grant) ([]Credential, error) {
	var got []Credential
	for _, c := range g.offered.Configurations {
		card, err := w.fetch(ctx, g, c)
		if err != nil {
			return got, err
		}
		got = append(got, card)
	}
	return got, nil
}

// fetch gets one credential for a key of its own, checks it, keeps it, and says
// so to the issuer.
func (w *Wallet) fetch(ctx context.Context, g *grant, c Configuration) (Credential, error) {
	key, err := newKey()
	if err != nil {
		return Credential{}, err
	}
	response, err := w.request(ctx, g, c, key)
	if err != nil {
		return Credential{}, err
	}
	card := Credential{
		ID: rand.Text(), Issuer: g.offered.Issuer.CredentialIssuer, Configuration: c.ID, Format: c.Format, VCT: c.VCT,
		Received: w.config.Now().UTC().Truncate(time.Second), Metadata: c.CredentialMetadata,
		Token: response.Credentials[0].Credential,
	}
	err = w.check(card, key)
	if err == nil {
		err = w.config.Store.add(card, key)
	}
	event := openid4vci.CredentialAccepted
	if err != nil {
		event = openid4vci.CredentialFailure
	}
	// The credential is here or it is not: a lost notification changes nothing.
	_ = w.notify(ctx, g, response.NotificationID, event)
	return card, err
}

// request asks the Credential Endpoint (section 8.2), once more with a fresh
// nonce when it says invalid_nonce.
func (w *Wallet) request(ctx context.Context, g *grant, c Configuration, key *ecdsa.PrivateKey) (openid4vci.CredentialResponse, error) {
	var none openid4vci.CredentialResponse
	for attempt := 0; ; attempt++ {
		body, err := w.requestBody(ctx, g, c, key)
		if err != nil {
			return none, err
		}
		r, err := w.proven(ctx, g, call{
			what: "credential", method: http.MethodPost, address: g.offered.Issuer.CredentialEndpoint,
			contentType: "application/json", body: body, token: g.token,
		})
		if err != nil {
			return none, err
		}
		if r.status != http.StatusOK {
			refused := r.refused("credential")
			if refused.Code == string(openid4vci.InvalidNonce) && attempt == 0 {
				continue
			}
			return none, refused
		}
		var response openid4vci.CredentialResponse
		if err := decode("credential", r.body, &response); err != nil {
			return none, err
		}
		if len(response.Credentials) != 1 || response.Credentials[0].Credential == "" {
			return none, refuse("credential", "one was asked for, %d came", len(response.Credentials))
		}
		return response, nil
	}
}

func (w *Wallet) requestBody(ctx context.Context, g *grant, c Configuration, key *ecdsa.PrivateKey) ([]byte, error) {
	request := openid4vci.CredentialRequest{CredentialConfigurationID: c.ID}
	if ids := g.ids[c.ID]; len(ids) > 0 {
		request.CredentialConfigurationID, request.CredentialIdentifier = "", ids[0]
	}
	if len(c.CryptographicBindingMethodsSupported) > 0 {
		nonce, err := w.nonce(ctx, g)
		if err != nil {
			return nil, err
		}
		if request.Proofs, err = w.keyProofs(ctx, g, c, []*ecdsa.PrivateKey{key}, nonce); err != nil {
			return nil, err
		}
	}
	return json.Marshal(request)
}

// nonce fetches a c_nonce (section 7.1).
func (w *Wallet) nonce(ctx context.Context, g *grant) (string, error) {
	address := g.offered.Issuer.NonceEndpoint
	if address == "" {
		return "", refuse("nonce", "the issuer has no nonce_endpoint")
	}
	r, err := w.send(ctx, "nonce", http.MethodPost, address, http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		return "", err
	}
	if r.status != http.StatusOK {
		return "", r.refused("nonce")
	}
	var n openid4vci.NonceResponse
	if err := decode("nonce", r.body, &n); err != nil {
		return "", err
	}
	if n.CNonce == "" {
		return "", refuse("nonce", "no c_nonce")
	}
	return n.CNonce, nil
}

// proof shows that this wallet holds the key (appendix F.1).
func (w *Wallet) proof(g *grant, key *ecdsa.PrivateKey, nonce, attestation string) (string, error) {
	claims := map[string]any{
		"aud": g.offered.Issuer.CredentialIssuer, "iat": w.config.Now().Unix(), "nonce": nonce,
	}
	if g.clientID != "" {
		claims["iss"] = g.clientID
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType(openid4vci.ProofTyp).WithHeader("jwk", jose.JSONWebKey{Key: key.Public()})
	if attestation != "" {
		options = options.WithHeader("key_attestation", attestation)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// check looks at a credential before it is kept: type, issuer's chain and
// signature, and that it is bound to our key.
func (w *Wallet) check(c Credential, key *ecdsa.PrivateKey) error {
	token, err := sdjwt.Parse(c.Token)
	if err != nil {
		return refuse("credential", "%v", err)
	}
	leaf, err := w.issuerLeaf(token.Header().X5C)
	if err != nil {
		return err
	}
	claims, err := token.Verify(leaf.PublicKey)
	if err != nil {
		return refuse("issuer signature", "%v", err)
	}
	if claims["vct"] != c.VCT {
		return refuse("vct", "another type came than was offered")
	}
	holder, err := sdjwt.HolderKey(claims)
	if err != nil {
		return refuse("key binding", "%v", err)
	}
	if public, ok := holder.Key.(*ecdsa.PublicKey); !ok || !key.PublicKey.Equal(public) {
		return refuse("key binding", "the credential is bound to another key")
	}
	return nil
}

// issuerLeaf checks the chain of an issuer (HAIP 1.0, 6.1.1).
func (w *Wallet) issuerLeaf(x5c [][]byte) (*x509.Certificate, error) {
	if len(x5c) == 0 || w.config.Issuers == nil {
		return nil, refuse("issuer trusted", "no certificate, or this wallet trusts no issuer")
	}
	var chain []*x509.Certificate
	intermediates := x509.NewCertPool()
	for _, der := range x5c {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuse("issuer trusted", "x5c holds no certificate")
		}
		chain = append(chain, cert)
		intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: w.config.Issuers, Intermediates: intermediates, CurrentTime: w.config.Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, refuse("issuer trusted", "the certificate leads to no authority that this wallet trusts")
	}
	return chain[0], nil
}

// notify tells the issuer what became of the credential (section 11.1).
func (w *Wallet) notify(ctx context.Context, g *grant, id, event string) error {
	address := g.offered.Issuer.NotificationEndpoint
	if id == "" || address == "" {
		return nil
	}
	body, err := json.Marshal(openid4vci.Notification{NotificationID: id, Event: event})
	if err != nil {
		return err
	}
	r, err := w.proven(ctx, g, call{
		what: "notification", method: http.MethodPost, address: address, contentType: "application/json", body: body, token: g.token,
	})
	if err != nil {
		return err
	}
	if r.status != http.StatusNoContent && r.status != http.StatusOK {
		return r.refused("notification")
	}
	return nil
}
