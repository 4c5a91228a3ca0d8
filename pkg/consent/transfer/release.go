package transfer

import (
	"crypto/sha256"
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/jcs"
)

// Limits of what the two ends send each other.
const (
	MaxReleaseRequest = 256 << 10
	MaxReleaseAnswer  = 2 << 20
	maxIdempotencyKey = 64
)

// ReleaseRequest is the body that a consumer posts to a provider, beside the
// access token and the proof.
type ReleaseRequest struct {
	Request        string             `json:"request"` // the consumer's mydata-request+jwt
	Terms          stdjson.RawMessage `json:"terms"`
	IdempotencyKey string             `json:"idempotency_key"`
}

// ParseReleaseRequest reads a body strictly: a duplicate member or a wrong type
// is an error.
func ParseReleaseRequest(body []byte) (ReleaseRequest, error) {
	var r ReleaseRequest
	if len(body) > MaxReleaseRequest {
		return r, errors.New("release request: too large")
	}
	if err := jcs.Unmarshal(body, &r); err != nil {
		return r, fmt.Errorf("release request: %w", err)
	}
	if n := len(r.IdempotencyKey); n < 16 || n > maxIdempotencyKey {
		return r, errors.New("release request: idempotency_key needs 16 to 64 characters")
	}
	if r.Request == "" || len(r.Terms) == 0 {
		return r, errors.New("release request: request and terms are both needed")
	}
	return r, nil
}

// ReleaseAnswer is what a provider answers.
type ReleaseAnswer struct {
	Ciphertext string `json:"ciphertext"` // base64url, as envelope.Seal made it
	Commit     string `json:"commit"`     // the provider's mydata-commit+jwt
	Promise    string `json:"promise"`    // the hub's mydata-promise+jwt
}

// ParseReleaseAnswer reads an answer strictly.
func ParseReleaseAnswer(body []byte) (ReleaseAnswer, error) {
	var a ReleaseAnswer
	if len(body) > MaxReleaseAnswer {
		return a, errors.New("release answer: too large")
	}
	if err := jcs.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("release answer: %w", err)
	}
	if a.Ciphertext == "" || a.Commit == "" || a.Promise == "" {
		return a, errors.New("release answer: ciphertext, commit and promise are all needed")
	}
	return a, nil
}

// Plaintext is what is encrypted: the signed evidence, and the salt under which
// the commit shows its digest.
type Plaintext struct {
	Evidence string `json:"evidence"` // SD-JWT VC, dc+sd-jwt
	Salt     string `json:"salt"`     // base64url, 32 bytes
}

// PlaintextDigest is what a commit shows of the evidence: salted, because the
// hub, which keeps commits, could otherwise guess a value of few possibilities.
func PlaintextDigest(salt []byte, evidence string) [32]byte {
	h := sha256.New()
	h.Write([]byte("mydata/plaintext/v1\x00"))
	h.Write(salt)
	h.Write([]byte(evidence))
	return [32]byte(h.Sum(nil))
}
