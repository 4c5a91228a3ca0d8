package wallet

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// Issuance is how a wallet gets credentials.
type Issuance struct {
	// Copies of each credential, each for a key of its own; 0 means one.
	Copies int
	// Encrypt has requests and answers encrypted (section 10).
	Encrypt bool
	// ByDetails asks by authorization_details where a scope would do.
	ByDetails bool
}

// Later is what fetching answers when the issuer needs time (section 9): Collect
// takes it up again.
type Later struct {
	TransactionID string
	Interval      time.Duration

	grant *grant
	of    Configuration
	keys  []*ecdsa.PrivateKey
}

func (l *Later) Error() string {
	return fmt.Sprintf("the issuer needs time: ask again in %s", l.Interval)
}

// Collect asks for what was deferred; a *Later again when it is not there yet.
func (w *Wallet) Collect(ctx context.Context, l *Later) ([]Credential, error) {
	address := l.grant.offered.Issuer.DeferredCredentialEndpoint
	if address == "" {
		return nil, refuse("deferred", "the issuer has no deferred_credential_endpoint")
	}
	response, err := w.ask(ctx, l.grant, "deferred", address, map[string]any{"transaction_id": l.TransactionID})
	if err != nil {
		return nil, err
	}
	if response.TransactionID == "" {
		return w.keep(ctx, l.grant, l.of, l.keys, response)
	}
	if response.TransactionID != l.TransactionID { // section 9.2
		return nil, refuse("transaction_id", "another came than was asked for")
	}
	return nil, &Later{TransactionID: l.TransactionID, Interval: time.Duration(response.Interval) * time.Second, grant: l.grant, of: l.of, keys: l.keys}
}

// ask sends a request to one of the two credential endpoints and reads the answer,
// both encrypted where this wallet wants it.
func (w *Wallet) ask(ctx context.Context, g *grant, what, address string, request map[string]any) (openid4vci.CredentialResponse, error) {
	var none openid4vci.CredentialResponse
	c := call{what: what, method: http.MethodPost, address: address, contentType: "application/json", token: g.token}
	var own *ecdsa.PrivateKey
	var err error
	if w.config.Issuance.Encrypt {
		if own, err = newKey(); err != nil {
			return none, err
		}
		c.contentType = openid4vci.MediaTypeJWT
		c.body, err = sealRequest(g.offered.Issuer, request, own)
	} else {
		c.body, err = json.Marshal(request)
	}
	if err != nil {
		return none, err
	}
	r, err := w.proven(ctx, g, c)
	if err != nil {
		return none, err
	}
	if r.status != http.StatusOK && r.status != http.StatusAccepted {
		return none, r.refused(what)
	}
	body := r.body
	if own != nil {
		if body, err = openAnswer(r, own); err != nil {
			return none, err
		}
	}
	var response openid4vci.CredentialResponse
	if err := decode(what, body, &response); err != nil {
		return none, err
	}
	if (response.TransactionID != "") != (r.status == http.StatusAccepted) || response.TransactionID != "" && len(response.Credentials) > 0 {
		return none, refuse(what, "status %d, and both or neither of credentials and transaction_id", r.status)
	}
	return response, nil
}

// answerKey names the wallet's own key in its answers.
const answerKey = "answer"

// sealRequest encrypts a request to the issuer and asks for an answer to own.
func sealRequest(issuer openid4vci.Metadata, request map[string]any, own *ecdsa.PrivateKey) ([]byte, error) {
	offered, answers := issuer.CredentialRequestEncryption, issuer.CredentialResponseEncryption
	if offered == nil || answers == nil || len(offered.JWKS.Keys) == 0 {
		return nil, refuse("encryption", "the issuer does not encrypt")
	}
	enc := string(jose.A256GCM)
	if !slices.Contains(offered.EncValuesSupported, enc) || !slices.Contains(answers.EncValuesSupported, enc) {
		return nil, refuse("encryption", "the issuer does not speak %s", enc)
	}
	request["credential_response_encryption"] = map[string]any{"enc": enc,
		"jwk": jose.JSONWebKey{Key: own.Public(), KeyID: answerKey, Algorithm: string(openid4vci.KeyAlgorithm), Use: "enc"}}
	jwe, err := (&openid4vci.Encryption{JWK: offered.JWKS.Keys[0], Enc: enc}).Seal(request)
	return []byte(jwe), err
}

// openAnswer takes an encrypted answer alone, with our key's name in it.
func openAnswer(r reply, own *ecdsa.PrivateKey) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.header.Get("Content-Type")); err != nil || media != openid4vci.MediaTypeJWT {
		return nil, refuse("encryption", "the answer is not encrypted")
	}
	plain, err := openid4vci.Open(string(r.body), []jose.JSONWebKey{{Key: own, KeyID: answerKey}})
	if err != nil {
		return nil, refuse("encryption", "%v", err)
	}
	return plain, nil
}
