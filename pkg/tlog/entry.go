package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// Hash is a SHA-256 value: a leaf's, a node's, or a tree's.
type Hash = tlog.Hash

// The first byte of an entry says what follows.
const (
	kindCommitment = 0x01
	kindStatement  = 0x02
)

// ErrEntry says that bytes are no entry of this log.
var ErrEntry = errors.New("malformed log entry")

// Commitment is the entry that stands for a personal event: who knows the salt
// and the event recognises it, others learn nothing. The domain, for example
// "consent", keeps one event from being taken for another.
func Commitment(domain string, salt, digest [32]byte) []byte {
	h := sha256.New()
	io.WriteString(h, "mydata/"+domain+"/v1\x00")
	h.Write(salt[:])
	h.Write(digest[:])
	return h.Sum([]byte{kindCommitment})
}

// IsCommitment says whether the entry is a commitment.
func IsCommitment(entry []byte) bool {
	return len(entry) == 1+sha256.Size && entry[0] == kindCommitment
}

type statement struct {
	Body any    `json:"body"`
	Kind string `json:"kind"`
}

// Statement is the entry that says something to everybody: canonical JSON
// {"body":…,"kind":…}. Numbers are integers; a body holds nothing personal.
func Statement(kind string, body any) ([]byte, error) {
	value, err := canonical(body)
	if err != nil {
		return nil, fmt.Errorf("log statement: %w", err)
	}
	text, err := encode(statement{Body: value, Kind: kind})
	if err != nil {
		return nil, fmt.Errorf("log statement: %w", err)
	}
	return append([]byte{kindStatement}, text...), nil
}

// ParseStatement reads what Statement wrote, and nothing else.
func ParseStatement(entry []byte) (kind string, body json.RawMessage, err error) {
	if len(entry) == 0 || entry[0] != kindStatement {
		return "", nil, ErrEntry
	}
	var s struct {
		Body json.RawMessage `json:"body"`
		Kind string          `json:"kind"`
	}
	if err := json.Unmarshal(entry[1:], &s); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	again, err := Statement(s.Kind, s.Body)
	if err != nil || !bytes.Equal(again, entry) {
		return "", nil, fmt.Errorf("%w: not canonical", ErrEntry)
	}
	return s.Kind, s.Body, nil
}

// canonical turns a value into maps (whose keys are written sorted), lists,
// strings and integers.
func canonical(body any) (any, error) {
	text, err := encode(body)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return value, integers(value)
}

func integers(value any) error {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err != nil || fmt.Sprint(n) != v.String() {
			return errors.New("a number is not a plain integer")
		}
	case []any:
		for _, each := range v {
			if err := integers(each); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, each := range v {
			if err := integers(each); err != nil {
				return err
			}
		}
	}
	return nil
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// LeafHash is the hash of an entry in the tree (RFC 6962, 2.1).
func LeafHash(entry []byte) Hash {
	var short [256]byte // a commitment needs no memory of its own
	if len(entry) >= len(short) {
		return tlog.RecordHash(entry)
	}
	n := copy(short[1:], entry)
	return sha256.Sum256(short[:1+n])
}
