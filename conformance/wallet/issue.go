package wallet

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
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
		cards, err := w.fetch(ctx, g, c)
		got = append(got, cards...)
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// fetch gets the copies of one credential, each for a key of its own, and keeps
// them. Where the issuer needs time it answers with a *Later.
func (w *Wallet) fetch(ctx context.Context, g *grant, c Configuration) ([]Credential, error) {
	keys := make([]*ecdsa.PrivateKey, max(w.config.Issuance.Copies, 1))
	for i := range keys {
		var err error
		if keys[i], err = newKey(); err != nil {
			return nil, err
		}
	}
	response, err := w.request(ctx, g, c, keys)
	if err != nil {
		return nil, err
	}
	if response.TransactionID != "" {
		return nil, &Later{TransactionID: response.TransactionID, Interval: time.Duration(response.Interval) * time.Second, grant: g, of: c, keys: keys}
	}
	return w.keep(ctx, g, c, keys, response)
}

// keep checks the credentials, keeps them, and tells the issuer what became of
// them: one that is bad makes all of them a failure (section 11.1).
func (w *Wallet) keep(ctx context.Context, g *grant, c Configuration, keys []*ecdsa.PrivateKey, response openid4vci.CredentialResponse) ([]Credential, error) {
	if n := len(response.Credentials); n == 0 || n > len(keys) {
		return nil, refuse("credential", "%d were asked for, %d came", len(keys), n)
	}
	var cards []Credential
	var err error
	for i, one := range response.Credentials {
		card := Credential{
			ID: rand.Text(), Issuer: g.offered.Issuer.CredentialIssuer, IssuerNames: g.offered.Issuer.Display, Configuration: c.ID, Format: c.Format, VCT: c.VCT,
			Received: w.config.Now().UTC().Truncate(time.Second), Metadata: c.CredentialMetadata, Token: one.Credential,
		}
		if err = w.check(card, keys[i]); err == nil {
			err = w.config.Store.Add(card, keys[i])
		}
		if err != nil {
			break
		}
		cards = append(cards, card)
	}
	event := openid4vci.CredentialAccepted
	if err != nil {
		event = openid4vci.CredentialFailure
	}
	// The credentials are here or they are not: a lost notification changes nothing.
	_ = w.notify(ctx, g, response.NotificationID, event)
	return cards, err
}

// request asks the Credential Endpoint (section 8.2), once more with a fresh
// nonce when it says invalid_nonce.
func (w *Wallet) request(ctx context.Context, g *grant, c Configuration, keys []*ecdsa.PrivateKey) (openid4vci.CredentialResponse, error) {
	for attempt := 0; ; attempt++ {
		request, err := w.credentialRequest(ctx, g, c, keys)
		if err != nil {
			return openid4vci.CredentialResponse{}, err
		}
		response, err := w.ask(ctx, g, "credential", g.offered.Issuer.CredentialEndpoint, request)
		if refused, ok := errors.AsType[*Answer](err); ok && refused.Code == string(openid4vci.InvalidNonce) && attempt == 0 {
			continue
		}
		return response, err
	}
}

func (w *Wallet) credentialRequest(ctx context.Context, g *grant, c Configuration, keys []*ecdsa.PrivateKey) (map[string]any, error) {
	request := map[string]any{"credential_configuration_id": c.ID}
	if ids := g.ids[c.ID]; len(ids) > 0 {
		request = map[string]any{"credential_identifier": ids[0]}
	}
	if len(c.CryptographicBindingMethodsSupported) > 0 {
		nonce, err := w.nonce(ctx, g)
		if err != nil {
			return nil, err
		}
		if request["proofs"], err = w.keyProofs(ctx, g, c, keys, nonce); err != nil {
			return nil, err
		}
	}
	return request, nil
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
