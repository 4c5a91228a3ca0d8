package tlog

import (
	"errors"
	"fmt"
	"strings"
)

// ErrAddCheckpoint says that a body is none of C2SP tlog-witness.
var ErrAddCheckpoint = errors.New("malformed add-checkpoint request")

// AddCheckpoint is the body of a request to a witness (C2SP tlog-witness,
// add-checkpoint).
type AddCheckpoint struct {
	Old        int64  // size that the witness last cosigned
	Proof      []Hash // consistency from there
	Checkpoint []byte
}

// Marshal writes the body.
func (a AddCheckpoint) Marshal() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", a.Old)
	for _, h := range a.Proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(a.Checkpoint)
	return []byte(b.String())
}

// ParseAddCheckpoint reads the body. It checks neither signature nor proof.
func ParseAddCheckpoint(body []byte) (AddCheckpoint, error) {
	if len(body) > 2*MaxCheckpoint {
		return AddCheckpoint{}, ErrAddCheckpoint
	}
	head, checkpoint, ok := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) > 1+63 {
		return AddCheckpoint{}, ErrAddCheckpoint
	}
	old, ok := strings.CutPrefix(lines[0], "old ")
	size, err := decimal(old)
	if !ok || err != nil {
		return AddCheckpoint{}, fmt.Errorf("%w: old size", ErrAddCheckpoint)
	}
	a := AddCheckpoint{Old: size, Checkpoint: []byte(checkpoint)}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return AddCheckpoint{}, fmt.Errorf("%w: proof", ErrAddCheckpoint)
		}
		a.Proof = append(a.Proof, h)
	}
	if _, err := Peek(a.Checkpoint); err != nil {
		return AddCheckpoint{}, fmt.Errorf("%w: %w", ErrAddCheckpoint, err)
	}
	return a, nil
}
