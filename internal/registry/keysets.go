package registry

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/fetch"
)

// The bounds of what clients publish at their jwks_uri.
const (
	keysFresh    = 5 * time.Minute  // then the address is asked again
	keysStale    = time.Hour        // so long a copy serves while the address fails
	keysPause    = 30 * time.Second // between two questions for one client
	keysTime     = 3 * time.Second
	maxKeySet    = 64 << 10
	maxPublished = 16
	maxKeySets   = 4096
)

// KeysError says why a client's keys cannot be had from its address. Whoever
// operates the client mends it.
type KeysError struct {
	Cause string // for the client: it tells no more of the network than that
	Err   error
}

// Error names cause and mender.
func (e *KeysError) Error() string {
	return "jwks_uri: " + e.Cause + "; the operator of the client mends that"
}

// Unwrap is the reason, for the log.
func (e *KeysError) Unwrap() error { return e.Err }

// KeySets are the keys that clients publish (jwks_uri: RFC 7591, 2), kept in this
// process. It may be used concurrently.
type KeySets struct {
	// Loopback is for development alone: this machine may be asked too.
	Loopback bool
	Logger   *slog.Logger // nil: the default
	Now      func() time.Time

	once sync.Once
	door *fetch.Client
	mu   sync.Mutex
	held map[string]*keySet
}

// keySet is what was last read at an address for a client.
type keySet struct {
	mu     sync.Mutex // held while the address is asked: one question at a time
	keys   []jose.JSONWebKey
	read   time.Time // when keys were; zero: never
	asked  time.Time
	failed *KeysError
}

// Keys of a client, of which one that has this kid is looked for: an unknown one has
// the address asked again, for the client may have changed its keys (OpenID Connect
// Core 1.0, 10.1.1). Every error is a *KeysError.
func (k *KeySets) Keys(ctx context.Context, c Client, kid string) (jose.JSONWebKeySet, error) {
	s := k.of(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := k.now()
	if now.Before(s.asked) { // the clock was ahead
		s.asked, s.read = time.Time{}, time.Time{}
	}
	fresh := now.Sub(s.read) < keysFresh && s.knows(kid)
	if !fresh && now.Sub(s.asked) >= keysPause {
		s.asked = now
		switch s.keys, s.failed = k.ask(ctx, c, s.keys); {
		case s.failed == nil:
			s.read = now
		case len(s.keys) == 0:
			s.read = time.Time{}
		}
	}
	if now.Sub(s.read) >= keysStale {
		return jose.JSONWebKeySet{}, s.failed
	}
	return jose.JSONWebKeySet{Keys: s.keys}, nil
}

func (s *keySet) knows(kid string) bool {
	return kid == "" || slices.ContainsFunc(s.keys, func(key jose.JSONWebKey) bool { return key.KeyID == kid })
}

// of is the set of a client at its address of now, under its rules of now.
func (k *KeySets) of(c Client) *keySet {
	k.once.Do(func() { k.door = &fetch.Client{Loopback: k.Loopback, Timeout: keysTime} })
	name := c.ID + "\x00" + string(c.Profile) + "\x00" + c.JWKSURI
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.held[name]
	if ok {
		return s
	}
	if k.held == nil {
		k.held = map[string]*keySet{}
	}
	for old := range k.held {
		if len(k.held) < maxKeySets {
			break
		}
		delete(k.held, old)
	}
	s = &keySet{}
	k.held[name] = s
	return s
}

// ask reads the address; before is what it said last, and stays where it fails, but
// not where it says that a key became known, or that there is none any more. Who goes
// away meanwhile does not make the others' answer fail.
func (k *KeySets) ask(ctx context.Context, c Client, before []jose.JSONWebKey) ([]jose.JSONWebKey, *KeysError) {
	answer, err := k.door.Get(context.WithoutCancel(ctx), c.JWKSURI, fetch.Want{
		Types: []string{"application/jwk-set+json", "application/json"}, Limit: maxKeySet,
	})
	var keys []jose.JSONWebKey
	if err == nil {
		keys, err = parseKeySet(answer.Body, c.Profile)
	}
	if err == nil {
		return keys, nil
	}
	logger := k.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.WarnContext(ctx, "the keys of a client cannot be read", "client", c.ID, "err", err)
	var set keySetError
	if errors.As(err, &set) && set.gone {
		before = nil
	}
	return before, &KeysError{Cause: keysCause(err), Err: err}
}

// keysCause is the part of a reason that anybody may hear: whoever names a client at
// the token endpoint does not learn what its address leads to.
func keysCause(err error) string {
	var status *fetch.StatusError
	var set keySetError
	switch {
	case errors.Is(err, fetch.ErrAddress):
		return fetch.ErrAddress.Error()
	case errors.Is(err, fetch.ErrTooLong):
		return fmt.Sprintf("over %d bytes", maxKeySet)
	case errors.As(err, &status):
		return status.Error()
	case errors.As(err, &set):
		return set.Error()
	}
	return "no JSON Web Key Set comes from there"
}

// keySetError says why an answer is no set of keys.
type keySetError struct {
	cause string
	gone  bool // it is in order otherwise: those of before do not count any more
}

func (e keySetError) Error() string { return e.cause }

// parseKeySet reads a JWK Set (RFC 7517, 5) by the rules for keys given by value,
// save that keys which are not for signatures, or of kinds that the hub does not know,
// are passed over. A private key refuses the whole.
func parseKeySet(data []byte, p Profile) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []stdjson.RawMessage `json:"keys"`
	}
	if !utf8.Valid(data) || json.Unmarshal(data, &set) != nil {
		return nil, keySetError{cause: "not a JSON Web Key Set with each member once"}
	}
	if len(set.Keys) > maxPublished {
		return nil, keySetError{cause: fmt.Sprintf("over %d keys", maxPublished)}
	}
	rules := metadata{Profile: p}
	var keys []jose.JSONWebKey
	for i, raw := range set.Keys {
		var members map[string]stdjson.RawMessage
		if json.Unmarshal(raw, &members) != nil {
			return nil, keySetError{cause: fmt.Sprintf("key %d is no JSON object with each member once", i)}
		}
		if members["d"] != nil || members["k"] != nil {
			return nil, keySetError{fmt.Sprintf("key %d is not public", i), true}
		}
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || rules.checkKey(i, key) != nil {
			continue
		}
		keys = append(keys, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: key.Algorithm, Use: key.Use})
	}
	if len(keys) == 0 {
		return nil, keySetError{"no key by which this client may sign", true}
	}
	return keys, nil
}

func (k *KeySets) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}
