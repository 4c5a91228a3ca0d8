package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// Credential is one card in the wallet.
type Credential struct {
	ID            string                         `json:"id"`
	Issuer        string                         `json:"issuer"`
	IssuerNames   []openid4vci.Display           `json:"issuer_names,omitempty"` // by its own word
	Configuration string                         `json:"configuration"`
	Format        string                         `json:"format"`
	VCT           string                         `json:"vct"`
	Received      time.Time                      `json:"received"`
	Metadata      *openid4vci.CredentialMetadata `json:"metadata,omitempty"`
	Token         string                         `json:"token"`
}

// Store keeps credentials and, apart from them, their holder keys: in memory,
// or in a folder as NAME.json and NAME.pem, both readable by the owner alone.
// It may be used concurrently.
type Store struct {
	dir string

	mu    sync.Mutex
	cards map[string]Credential
	keys  map[string]*ecdsa.PrivateKey
}

// ErrNotHeld is the answer to an id that the store does not know.
var ErrNotHeld = errors.New("no such credential in this wallet")

// Memory is a store that forgets when the program ends.
func Memory() *Store {
	return &Store{cards: map[string]Credential{}, keys: map[string]*ecdsa.PrivateKey{}}
}

// Open reads a folder, which it makes when it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open wallet: %w", err)
	}
	s := Memory()
	s.dir = dir
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("open wallet: %w", err)
	}
	for _, name := range names {
		if err := s.read(strings.TrimSuffix(filepath.Base(name), ".json")); err != nil {
			return nil, fmt.Errorf("open wallet: %w", err)
		}
	}
	return s, nil
}

func (s *Store) read(id string) error {
	body, err := os.ReadFile(s.path(id, ".json"))
	if err != nil {
		return err
	}
	var c Credential
	if err := json.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("%s: %w", s.path(id, ".json"), err)
	}
	if c.ID != id {
		return fmt.Errorf("%s: holds another credential's id", s.path(id, ".json"))
	}
	text, err := os.ReadFile(s.path(id, ".pem"))
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("%s: not PEM", s.path(id, ".pem"))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path(id, ".pem"), err)
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s: not an elliptic-curve key", s.path(id, ".pem"))
	}
	s.cards[id], s.keys[id] = c, private
	return nil
}

func (s *Store) path(id, suffix string) string { return filepath.Join(s.dir, id+suffix) }

// Add keeps a credential with its key, of which nothing is checked; the key goes
// first, so that no credential is ever found without one.
func (s *Store) Add(c Credential, key *ecdsa.PrivateKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != "" {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return fmt.Errorf("keep credential: %w", err)
		}
		if err := write(s.path(c.ID, ".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
			return fmt.Errorf("keep credential: %w", err)
		}
		body, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return fmt.Errorf("keep credential: %w", err)
		}
		if err := write(s.path(c.ID, ".json"), body); err != nil {
			return fmt.Errorf("keep credential: %w", err)
		}
	}
	s.cards[c.ID], s.keys[c.ID] = c, key
	return nil
}

// write is whole or nothing.
func write(path string, body []byte) error {
	if err := os.WriteFile(path+".new", body, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// List answers with the credentials, the newest first.
func (s *Store) List() []Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	cards := make([]Credential, 0, len(s.cards))
	for _, c := range s.cards {
		cards = append(cards, c)
	}
	slices.SortFunc(cards, func(a, b Credential) int {
		if n := b.Received.Compare(a.Received); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return cards
}

// Get finds one credential.
func (s *Store) Get(id string) (Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.cards[id]
	if !ok {
		return Credential{}, ErrNotHeld
	}
	return c, nil
}

// Delete forgets a credential, and its key for good.
func (s *Store) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.cards[id]; !ok {
		return ErrNotHeld
	}
	delete(s.cards, id)
	delete(s.keys, id)
	if s.dir == "" {
		return nil
	}
	for _, suffix := range []string{".json", ".pem"} {
		if err := os.Remove(s.path(id, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget credential: %w", err)
		}
	}
	return nil
}

// signer is the holder key of a credential.
func (s *Store) signer(id string) (crypto.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.keys[id]
	if !ok {
		return nil, ErrNotHeld
	}
	return key, nil
}

// newKey makes a P-256 key.
func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}
