package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

const (
	maxDigests  = 256
	maxID       = 512
	maxOrigin   = 256
	maxSize     = 1<<53 - 1 // what every reader of JSON holds exactly
	maxRequest  = 300 << 10 // 256 digests whose ids are quotation marks throughout
	maxOperator = 4 << 10
	maxKeys     = 4
	maxMSP      = 128
)

var kinds = []string{"status-list", "issuer-key", "did", "catalogue"}

// Members stand in the order of their names: encoding them is canonical.

type digest struct {
	Digest string `json:"digest"`
	ID     string `json:"id"`
	Kind   string `json:"kind"`
}

type request struct {
	Digests    []digest `json:"digests"`
	Origin     string   `json:"origin"`
	Root       string   `json:"root"`
	Signatures []string `json:"signatures,omitempty"` // the log's own, over its checkpoint
	Size       int64    `json:"size"`
}

type operator struct {
	Keys []string `json:"keys"`           // base64url of the SHA-256 of a SubjectPublicKeyInfo
	Logs []string `json:"logs,omitempty"` // base64 of the Ed25519 keys one of which signs each checkpoint; none: nobody asks
	MSP  string   `json:"msp"`
}

func parseRequest(raw string) (request, error) {
	var r request
	if err := decode(raw, maxRequest, &r); err != nil {
		return request{}, err
	}
	if err := checkOrigin(r.Origin); err != nil {
		return request{}, err
	}
	if r.Size < 1 || r.Size > maxSize {
		return request{}, refuse(wordInvalid, "size %d is not in 1..%d", r.Size, int64(maxSize))
	}
	if !isDigest(base64.StdEncoding, r.Root) {
		return request{}, refuse(wordInvalid, "root is not the base64 of 32 bytes")
	}
	if r.Digests == nil || len(r.Digests) > maxDigests {
		return request{}, refuse(wordInvalid, "digests is not a list of at most %d", maxDigests)
	}
	if len(r.Signatures) > maxKeys {
		return request{}, refuse(wordInvalid, "signatures are %d, at most %d are read", len(r.Signatures), maxKeys)
	}
	for i, s := range r.Signatures {
		if !isBase64(base64.StdEncoding, s, ed25519.SignatureSize) {
			return request{}, refuse(wordInvalid, "signature %d is not the base64 of 64 bytes", i)
		}
	}
	for i, d := range r.Digests {
		if err := d.check(); err != nil {
			return request{}, err
		}
		if i > 0 && compare(r.Digests[i-1], d) >= 0 {
			return request{}, refuse(wordInvalid, "digest %d is out of order or named twice", i)
		}
	}
	return r, nil
}

func (d digest) check() error {
	if err := checkName(d.Kind, d.ID); err != nil {
		return err
	}
	if !isDigest(base64.StdEncoding, d.Digest) {
		return refuse(wordInvalid, "the digest of %s %q is not the base64 of 32 bytes", d.Kind, d.ID)
	}
	return nil
}

func compare(a, b digest) int {
	if c := strings.Compare(a.Kind, b.Kind); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func parseOperator(raw string) (operator, error) {
	var o operator
	if err := decode(raw, maxOperator, &o); err != nil {
		return operator{}, err
	}
	if !printable(o.MSP, maxMSP) || strings.Contains(o.MSP, " ") {
		return operator{}, refuse(wordInvalid, "msp is not 1 to %d printable characters without space", maxMSP)
	}
	if len(o.Keys) < 1 || len(o.Keys) > maxKeys {
		return operator{}, refuse(wordInvalid, "keys are %d, not 1 to %d", len(o.Keys), maxKeys)
	}
	for i, key := range o.Keys {
		if !isDigest(base64.RawURLEncoding, key) {
			return operator{}, refuse(wordInvalid, "key %d is not the base64url of 32 bytes", i)
		}
		if i > 0 && o.Keys[i-1] >= key {
			return operator{}, refuse(wordInvalid, "key %d is out of order or named twice", i)
		}
	}
	if o.Logs != nil && len(o.Logs) == 0 || len(o.Logs) > maxKeys {
		return operator{}, refuse(wordInvalid, "logs are %d, not 1 to %d", len(o.Logs), maxKeys)
	}
	for i, key := range o.Logs {
		if !isDigest(base64.StdEncoding, key) {
			return operator{}, refuse(wordInvalid, "log key %d is not the base64 of 32 bytes", i)
		}
		if i > 0 && o.Logs[i-1] >= key {
			return operator{}, refuse(wordInvalid, "log key %d is out of order or named twice", i)
		}
	}
	return o, nil
}

// decode reads one value in its one form: what it would be written as again.
func decode(raw string, limit int, into any) error {
	if len(raw) > limit {
		return refuse(wordInvalid, "%d bytes, at most %d are read", len(raw), limit)
	}
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return refuse(wordInvalid, "not the JSON that is asked for: %q", err.Error())
	}
	if encode(into) != raw {
		return refuse(wordInvalid, "not canonical: members in order, each once, no spaces, nothing escaped that need not be, nothing after it")
	}
	return nil
}

func encode(v any) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // strings and numbers always encode
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func isDigest(encoding *base64.Encoding, text string) bool {
	return isBase64(encoding, text, sha256.Size)
}

func isBase64(encoding *base64.Encoding, text string, size int) bool {
	raw, err := encoding.DecodeString(text)
	return err == nil && len(raw) == size && encoding.EncodeToString(raw) == text // in its one form
}

func printable(text string, limit int) bool {
	return text != "" && len(text) <= limit && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func checkOrigin(origin string) error {
	if !printable(origin, maxOrigin) || strings.ContainsAny(origin, " +") {
		return refuse(wordInvalid, "origin is not 1 to %d printable characters without space and +", maxOrigin)
	}
	return nil
}

func checkName(kind, id string) error {
	if !slices.Contains(kinds, kind) {
		return refuse(wordInvalid, "kind is none of %q", kinds)
	}
	if !printable(id, maxID) {
		return refuse(wordInvalid, "id is not 1 to %d printable characters", maxID)
	}
	return nil
}

// parseNumber reads 1..2^53-1 in its one form, so that an argument, too, has one.
func parseNumber(name, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > maxSize || strconv.FormatInt(n, 10) != text {
		return 0, refuse(wordInvalid, "%s is not a plain number in 1..%d", name, int64(maxSize))
	}
	return n, nil
}
