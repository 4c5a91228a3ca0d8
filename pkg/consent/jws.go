package consent

import (
	"crypto"
	"crypto/x509"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/jws"
)

const maxJWS = 64 << 10

// SignRequest makes the consumer's request. chain is DER, leaf first, without
// the trust anchor.
func SignRequest(c RequestClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(RequestJWT, c, key, chain)
}

// SignCommit makes the provider's commit.
func SignCommit(c CommitClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(CommitJWT, c, key, chain)
}

// SignReceived makes the consumer's countersignature.
func SignReceived(c ReceivedClaims, key crypto.Signer, chain [][]byte) (string, error) {
	return signAs(ReceivedJWT, c, key, chain)
}

func signAs(typ string, claims any, key crypto.Signer, chain [][]byte) (string, error) {
	payload, err := canonical(claims)
	if err != nil {
		return "", err
	}
	return catalogue.SignAs(typ, payload, key, chain)
}

// OpenRequest checks a request's signature, its chain as of its iat, and that
// iss is the agency in the certificate. Whether the times are near now is the
// ledger's check, whether the content is acceptable CheckShape's.
func OpenRequest(compact string, roots *x509.CertPool) (RequestClaims, error) {
	var c RequestClaims
	if err := openAs(compact, RequestJWT, "request signature", roots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return RequestClaims{}, err
	}
	c.Digest = DigestOf(compact)
	return c, nil
}

// OpenCommit checks a provider's commit the same way.
func OpenCommit(compact string, roots *x509.CertPool) (CommitClaims, error) {
	var c CommitClaims
	if err := openAs(compact, CommitJWT, "commit signature", roots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return CommitClaims{}, err
	}
	for name, text := range map[string]string{"terms": c.Terms, "ciphertext": c.Ciphertext, "plaintext": c.Plaintext} {
		if _, err := bytes32(text); err != nil {
			return CommitClaims{}, refuse("commit", "%s: %v", name, err)
		}
	}
	if c.GrantID == "" || c.Use < 1 || len(c.Nonce) < 22 || len(c.Nonce) > 86 {
		return CommitClaims{}, refuse("commit", "grant_id, use or nonce is missing")
	}
	return c, nil
}

// OpenReceived checks a consumer's countersignature the same way.
func OpenReceived(compact string, roots *x509.CertPool) (ReceivedClaims, error) {
	var c ReceivedClaims
	if err := openAs(compact, ReceivedJWT, "countersignature", roots, &c, func() (string, int64) { return c.Issuer, c.IssuedAt }); err != nil {
		return ReceivedClaims{}, err
	}
	if _, err := bytes32(c.Commit); err != nil || c.GrantID == "" || c.Use < 1 {
		return ReceivedClaims{}, refuse("received", "grant_id, use or commit is missing")
	}
	return c, nil
}

func openAs(compact, typ, check string, roots *x509.CertPool, into any, said func() (issuer string, iat int64)) error {
	agency, err := catalogue.OpenIssued(compact, typ, roots, func(payload []byte) (int64, error) {
		err := Decode(payload, maxJWS, into)
		_, iat := said()
		return iat, err
	})
	if err != nil {
		return refuse(check, "%v", err)
	}
	if issuer, _ := said(); issuer != agency {
		return refuse(check, "%q signed for %q", agency, issuer)
	}
	return nil
}

// signHub makes one of the hub's own JWS (ES256, kid).
func signHub(typ string, claims any, key crypto.Signer, kid string) (string, error) {
	payload, err := canonical(claims)
	if err != nil {
		return "", err
	}
	return jws.Sign(jws.Protected{KeyID: kid, Type: typ}, payload, key)
}

// OpenRecord checks the hub's countersignature over a record's state.
func OpenRecord(compact string, hub jose.JSONWebKeySet) (RecordClaims, error) {
	var c RecordClaims
	if err := openHub(compact, RecordJWT, "hub record", hub, &c); err != nil {
		return RecordClaims{}, err
	}
	return c, nil
}

func openHub(compact, typ, check string, hub jose.JSONWebKeySet, into any) error {
	if len(compact) > maxJWS {
		return refuse(check, "longer than %d bytes", maxJWS)
	}
	if payload, ok := jws.Open(compact, typ, hub.Keys); ok {
		return decodeHub(payload, check, into)
	}
	if err := catalogue.OneSpelling(compact); err != nil {
		return refuse(check, "%v", err)
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return refuse(check, "%v", err)
	}
	header := object.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != typ {
		return refuse(check, "typ %v is not %s", header.ExtraHeaders[jose.HeaderType], typ)
	}
	keys := hub.Key(header.KeyID)
	if len(keys) != 1 || !keys[0].IsPublic() {
		return refuse(check, "key %q is not one of the hub's in the trust folder (after a change of keys: idp trust rekey)", header.KeyID)
	}
	payload, err := object.Verify(keys[0].Key)
	if err != nil {
		return refuse(check, "it does not verify with the hub's key")
	}
	return decodeHub(payload, check, into)
}

func decodeHub(payload []byte, check string, into any) error {
	if err := Decode(payload, maxJWS, into); err != nil {
		return refuse(check, "payload: %v", err)
	}
	return nil
}
