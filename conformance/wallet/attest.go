package wallet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// Attester is the wallet provider's back end, as its wallet asks it. How the
// wallet shows itself to it is not of the protocol.
type Attester interface {
	// AttestWallet vouches for an instance's key (OpenID4VCI 1.0, appendix E).
	AttestWallet(ctx context.Context, clientID string, instance crypto.PublicKey) (string, error)
	// AttestKeys vouches for keys of credentials, with an issuer's nonce (appendix D).
	AttestKeys(ctx context.Context, keys []crypto.PublicKey, nonce string) (string, error)
}

// instance is what one issuer sees of this wallet: a key of its own for each,
// so that two of them cannot tell that it is the same wallet (draft, 11.1).
type instance struct {
	key       *ecdsa.PrivateKey
	word      string // the attestation
	challenge string // the last that the server gave
	combined  bool   // the DPoP proof is the proof of possession (draft, 5.2)
}

// attest gets a grant its attestation; in combined mode it is for the DPoP key.
func (w *Wallet) attest(ctx context.Context, g *grant, dpopKey *ecdsa.PrivateKey) error {
	if w.config.Attester == nil || w.config.ClientID == "" {
		return nil
	}
	i := &instance{key: dpopKey, combined: w.config.CombinedProof}
	if !i.combined {
		var err error
		if i.key, err = newKey(); err != nil {
			return err
		}
	}
	var err error
	if i.word, err = w.config.Attester.AttestWallet(ctx, w.config.ClientID, i.key.Public()); err != nil {
		return err
	}
	g.instance = i
	return nil
}

// authenticate adds the attestation and its proof to a request to the
// authorization server (draft, 4 and 5.1).
func (w *Wallet) authenticate(ctx context.Context, g *grant, header http.Header) error {
	i := g.instance
	if i == nil {
		return nil
	}
	header[http.CanonicalHeaderKey(openid4vci.AttestationHeader)] = []string{i.word}
	if i.combined {
		return nil
	}
	if i.challenge == "" && g.offered.Server.ChallengeEndpoint != "" {
		if err := w.challenge(ctx, g); err != nil {
			return err
		}
	}
	claims := map[string]any{
		"iss": w.config.ClientID, // draft-07 wants it, draft-11 ignores it
		"aud": g.offered.Server.Issuer, "jti": random(), "iat": w.config.Now().Unix(),
	}
	if i.challenge != "" {
		claims["challenge"] = i.challenge
	}
	pop, err := signTyped(i.key, openid4vci.AttestationPoPTyp, claims)
	header[http.CanonicalHeaderKey(openid4vci.AttestationPoPHeader)] = []string{pop}
	return err
}

// challenge fetches one (draft, 6.3).
func (w *Wallet) challenge(ctx context.Context, g *grant) error {
	r, err := w.send(ctx, "challenge", http.MethodPost, g.offered.Server.ChallengeEndpoint, http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return r.refused("challenge")
	}
	var answer struct {
		Challenge string `json:"attestation_challenge"`
	}
	if err := decode("challenge", r.body, &answer); err != nil {
		return err
	}
	g.instance.challenge = answer.Challenge
	return nil
}

// challenged takes the challenge that an answer brings, and says whether the
// request is to be sent once more with it (draft, 6.1 and 6.2).
func (g *grant) challenged(r reply) bool {
	given := r.header.Get(openid4vci.ChallengeHeader)
	if g.instance == nil || given == "" {
		return false
	}
	g.instance.challenge = given
	return r.status == http.StatusBadRequest && r.refused("").Code == "use_attestation_challenge"
}

// keyProofs is how this wallet proves keys, of which each will get a credential:
// by a jwt each; with one attestation over all of them in the header of a jwt by
// the first, where the issuer asks for attestations; or by that attestation
// alone, where the issuer takes it (appendices F.1 and F.3; HAIP 1.0, 4.5.1).
func (w *Wallet) keyProofs(ctx context.Context, g *grant, c Configuration, keys []*ecdsa.PrivateKey, nonce string) (*openid4vci.Proofs, error) {
	jwt, byJWT := c.ProofTypesSupported["jwt"]
	_, alone := c.ProofTypesSupported["attestation"]
	alone = alone && (!byJWT || w.config.AttestationAlone)
	if w.config.Attester == nil || !alone && jwt.KeyAttestationsRequired == nil {
		proofs := &openid4vci.Proofs{}
		for _, key := range keys {
			proof, err := w.proof(g, key, nonce, "")
			if err != nil {
				return nil, err
			}
			proofs.JWT = append(proofs.JWT, proof)
		}
		return proofs, nil
	}
	var public []crypto.PublicKey
	for _, key := range keys {
		public = append(public, key.Public())
	}
	word, err := w.config.Attester.AttestKeys(ctx, public, nonce)
	if err != nil {
		return nil, err
	}
	if alone {
		return &openid4vci.Proofs{Attestation: []string{word}}, nil
	}
	proof, err := w.proof(g, keys[0], nonce, word)
	return &openid4vci.Proofs{JWT: []string{proof}}, err
}

// signTyped makes a JWT of claims.
func signTyped(key *ecdsa.PrivateKey, typ jose.ContentType, claims map[string]any) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(typ))
	if err != nil {
		return "", err
	}
	jws, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}
