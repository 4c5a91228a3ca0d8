package transfer

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// maxSealed bounds the sealed part: an approval with a passkey history of a
// few dozen records and their inclusion proofs.
const maxSealed = 256 << 10

// typSealed is the JWE's typ, so that no other JWE to the same key is taken
// for a sealed part (RFC 8725, 3.11).
const typSealed = "mydata-sealed+jwe"

func seal(s Sealed, key jose.JSONWebKey) (string, error) {
	if !key.IsPublic() {
		return "", errors.New("seal: the catalogue's key is not public")
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	enc, err := jose.NewEncrypter(jose.A256GCM,
		jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Key, KeyID: key.KeyID},
		(&jose.EncrypterOptions{}).WithType(typSealed))
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	obj, err := enc.Encrypt(plain)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return obj.CompactSerialize()
}

func open(jwe string, key any) (Sealed, error) {
	var s Sealed
	if len(jwe) > maxSealed {
		return s, errors.New("open sealed part: too large")
	}
	obj, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return s, fmt.Errorf("open sealed part: %w", err)
	}
	if typ, _ := obj.Header.ExtraHeaders[jose.HeaderType].(string); typ != typSealed {
		return s, errors.New("open sealed part: typ is not " + typSealed)
	}
	if _, zipped := obj.Header.ExtraHeaders["zip"]; zipped {
		return s, errors.New("open sealed part: compressed")
	}
	plain, err := obj.Decrypt(key)
	if err != nil {
		return s, fmt.Errorf("open sealed part: %w", err)
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("open sealed part: %w", err)
	}
	return s, nil
}
