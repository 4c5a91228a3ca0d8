package tlog

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Signature types of C2SP signed-note.
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

// Signer signs notes under a name (C2SP signed-note).
type Signer = note.Signer

var errKey = errors.New("malformed verifier key")

// Key is a verifier key ("vkey", C2SP signed-note): a log's, of type 0x01, or
// a witness's, of type 0x04.
type Key struct {
	Name   string
	Public ed25519.PublicKey
	alg    byte
}

// LogKey is the key of a log whose origin is the name.
func LogKey(origin string, public ed25519.PublicKey) Key { return Key{origin, public, algEd25519} }

// WitnessKey is the key of a witness.
func WitnessKey(name string, public ed25519.PublicKey) Key { return Key{name, public, algCosignature} }

// ParseKey reads name+id+base64(type || key).
func ParseKey(vkey string) (Key, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, text, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || !validName(name) || len(raw) != 1+ed25519.PublicKeySize {
		return Key{}, errKey
	}
	k := Key{Name: name, Public: raw[1:], alg: raw[0]}
	if k.alg != algEd25519 && k.alg != algCosignature {
		return Key{}, fmt.Errorf("%w: signature type 0x%02x is not known here", errKey, k.alg)
	}
	if hash, err := strconv.ParseUint(id, 16, 32); err != nil || len(id) != 8 || uint32(hash) != k.KeyHash() {
		return Key{}, fmt.Errorf("%w: the key id does not belong to the key", errKey)
	}
	return k, nil
}

// String is the vkey.
func (k Key) String() string {
	raw := append([]byte{k.alg}, k.Public...)
	return fmt.Sprintf("%s+%08x+%s", k.Name, k.KeyHash(), base64.StdEncoding.EncodeToString(raw))
}

// IsWitness says whether the key makes cosignatures.
func (k Key) IsWitness() bool { return k.alg == algCosignature }

// KeyHash is the key id (C2SP signed-note, Signatures).
func (k Key) KeyHash() uint32 {
	sum := sha256.Sum256(append([]byte(k.Name+"\n"+string(rune(k.alg))), k.Public...))
	return binary.BigEndian.Uint32(sum[:])
}

// verifier makes a Key a note.Verifier.
type verifier struct{ Key }

func (v verifier) Name() string { return v.Key.Name }

func (v verifier) Verify(text, sig []byte) bool {
	if v.alg == algEd25519 {
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(v.Public, text, sig)
	}
	// C2SP tlog-cosignature, Format: timestamp, then the signature.
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at < 1<<63 && ed25519.Verify(v.Public, cosigned(at, text), sig[8:])
}

// cosigned is what a cosignature signs (C2SP tlog-cosignature, Ed25519 signed
// message).
func cosigned(at uint64, text []byte) []byte {
	return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...)
}

// signer signs notes with any crypto.Signer that holds an Ed25519 key.
type signer struct {
	Key
	key crypto.Signer
	now func() time.Time // of cosignatures
}

func (s signer) Name() string { return s.Key.Name }

func (s signer) Sign(text []byte) ([]byte, error) {
	if s.alg == algEd25519 {
		return s.key.Sign(nil, text, crypto.Hash(0))
	}
	at := uint64(s.now().Unix()) //nolint:gosec // G115: no clock is before 1970
	sig, err := s.key.Sign(nil, cosigned(at, text), crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, at), sig...), nil
}

// NewSigner makes the signer of a log's checkpoints; its name is the origin.
func NewSigner(origin string, key crypto.Signer) (Signer, error) {
	return newSigner(LogKey(origin, nil), key, nil)
}

// NewCosigner makes the signer of a witness's cosignatures.
func NewCosigner(name string, key crypto.Signer, now func() time.Time) (Signer, error) {
	return newSigner(WitnessKey(name, nil), key, now)
}

func newSigner(k Key, key crypto.Signer, now func() time.Time) (Signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || !validName(k.Name) {
		return nil, errors.New("note signer: want a name without spaces and an Ed25519 key")
	}
	k.Public = public
	return signer{k, key, now}, nil
}

func validName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.Contains(name, "+") &&
		strings.IndexFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r < 0x20 || r == 0x7f }) < 0
}
