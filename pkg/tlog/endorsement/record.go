package endorsement

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/govmydata/mydata/pkg/tlog"
)

// The bounds of a record, as the chaincode keeps them.
const (
	MaxDigests = 256
	MaxID      = 512
	MaxOrigin  = 256
	MaxSize    = 1<<53 - 1
)

// Kinds are the kinds of digests that ride with a checkpoint.
var Kinds = []string{"catalogue", "did", "issuer-key", "status-list"}

// Digest is a digest that rides with a checkpoint.
type Digest struct {
	Digest tlog.Hash `json:"digest"`
	ID     string    `json:"id"`
	Kind   string    `json:"kind"`
}

// Record is what the chaincode keeps of a checkpoint, and what it answers,
// byte for byte.
type Record struct {
	Digests []Digest  `json:"digests"`
	Origin  string    `json:"origin"`
	Root    tlog.Hash `json:"root"`
	Size    int64     `json:"size"`
	Writer  string    `json:"writer"` // the MSP of the operator that wrote it
}

// ParseRecord reads a record in its canonical form alone.
func ParseRecord(raw []byte) (Record, error) {
	var r Record
	if err := decode(raw, &r); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	if err := r.check(); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	return r, nil
}

// Marshal writes the record in its canonical form.
func (r Record) Marshal() ([]byte, error) {
	if r.Digests == nil {
		r.Digests = []Digest{}
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return canonical(r)
}

func (r Record) check() error {
	switch {
	case !printable(r.Origin, MaxOrigin) || slices.ContainsFunc([]byte(r.Origin), func(c byte) bool { return c == ' ' || c == '+' }):
		return errors.New("malformed origin")
	case r.Size < 1 || r.Size > MaxSize:
		return errors.New("malformed size")
	case !printable(r.Writer, MaxOrigin):
		return errors.New("malformed writer")
	case r.Digests == nil || len(r.Digests) > MaxDigests:
		return fmt.Errorf("%d digests where at most %d belong", len(r.Digests), MaxDigests)
	}
	for i, d := range r.Digests {
		if !slices.Contains(Kinds, d.Kind) || !printable(d.ID, MaxID) {
			return fmt.Errorf("malformed digest %d", i+1)
		}
		if i > 0 && compare(r.Digests[i-1], d) >= 0 {
			return errors.New("digests not in order, or one twice")
		}
	}
	return nil
}

func compare(a, b Digest) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
}

func printable(s string, most int) bool {
	return s != "" && len(s) <= most && !slices.ContainsFunc([]byte(s), func(c byte) bool { return c < 0x20 || c > 0x7e })
}
