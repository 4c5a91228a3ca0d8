package envelope

import (
	"crypto/hpke"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// KEM is the name of the one key encapsulation mechanism, as a request's
// recipient_key spells it.
const KEM = "MLKEM768X25519"

// MaxPlaintext bounds one release; evidence of facts is kilobytes.
const MaxPlaintext = 1 << 20

// ErrOpen says that a ciphertext is not for this key, this grant, this use or
// this schema. It does not say which: HPKE cannot tell, and neither may we.
var ErrOpen = errors.New("ciphertext does not open with this key, grant, use and schema")

// ErrPublicKey says that a recipient key is no public key of KEM.
var ErrPublicKey = errors.New("recipient key")

// Binding names what a ciphertext is for. It becomes HPKE's info.
type Binding struct {
	GrantID    string
	Use        int
	SchemaHash string
}

// info is the domain tag and the three parts, separated by NUL bytes that the
// parts themselves may not contain.
func (b Binding) info() ([]byte, error) {
	if b.GrantID == "" || b.SchemaHash == "" || b.Use < 1 {
		return nil, errors.New("binding: grant, use and schema hash are all needed")
	}
	if strings.ContainsRune(b.GrantID+b.SchemaHash, 0) {
		return nil, errors.New("binding: NUL byte in a part")
	}
	return []byte("mydata/release/v1\x00" + b.GrantID + "\x00" + strconv.Itoa(b.Use) + "\x00" + b.SchemaHash), nil
}

// PrivateKey opens what was sealed to its public half.
type PrivateKey struct{ key hpke.PrivateKey }

// Generate makes the key of one grant.
func Generate() (*PrivateKey, error) {
	k, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("generate recipient key: %w", err)
	}
	return &PrivateKey{k}, nil
}

// ParsePrivateKey reads what Bytes wrote.
func ParsePrivateKey(b []byte) (*PrivateKey, error) {
	k, err := hpke.MLKEM768X25519().NewPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("parse recipient key: %w", err)
	}
	return &PrivateKey{k}, nil
}

// Bytes is the key as RFC 9180's SerializePrivateKey writes it: a seed of 32
// bytes. It belongs in the recipient's journal and nowhere else.
func (k *PrivateKey) Bytes() ([]byte, error) { return k.key.Bytes() }

// Public is the serialized public key, for recipient_key.pub.
func (k *PrivateKey) Public() []byte { return k.key.PublicKey().Bytes() }

// Seal encrypts plaintext to pub. The result is the encapsulated key followed
// by the ciphertext, as hpke.Seal returns them.
func Seal(pub []byte, b Binding, plaintext []byte) ([]byte, error) {
	info, err := b.info()
	if err != nil {
		return nil, err
	}
	if len(plaintext) > MaxPlaintext {
		return nil, errors.New("seal: plaintext too large")
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	ct, err := hpke.Seal(k, hpke.HKDFSHA256(), hpke.AES256GCM(), info, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return ct, nil
}

// overhead bounds what Seal adds: 1120 bytes of encapsulated key and a tag.
const overhead = 2048

// Open decrypts what Seal made for the same binding. Any failure is ErrOpen.
func (k *PrivateKey) Open(b Binding, ciphertext []byte) ([]byte, error) {
	info, err := b.info()
	if err != nil {
		return nil, err
	}
	if len(ciphertext) > MaxPlaintext+overhead {
		return nil, ErrOpen
	}
	plain, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, ciphertext)
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}
