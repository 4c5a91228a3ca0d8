package transfer

import (
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/jcs"
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
	plain, err := jcs.Marshal(s) // in its one spelling, which reads fastest
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
	d := desks.Get().(*desk)
	defer desks.Put(d)
	plain, ok := d.unseal(jwe, key)
	if !ok {
		var err error
		if plain, err = decrypt(jwe, key); err != nil {
			return s, fmt.Errorf("open sealed part: %w", err)
		}
	}
	if err := jcs.Unmarshal(plain, &s); err != nil {
		return Sealed{}, fmt.Errorf("open sealed part: %w", err)
	}
	return s, nil
}

func decrypt(jwe string, key any) ([]byte, error) {
	obj, err := jose.ParseEncryptedCompact(jwe, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, err
	}
	if typ, _ := obj.Header.ExtraHeaders[jose.HeaderType].(string); typ != typSealed {
		return nil, errors.New("typ is not " + typSealed)
	}
	if _, zipped := obj.Header.ExtraHeaders["zip"]; zipped {
		return nil, errors.New("compressed")
	}
	return obj.Decrypt(key)
}
