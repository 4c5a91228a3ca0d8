package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	// ErrProof says that bytes are no proof.
	ErrProof = errors.New("malformed log proof")
	// ErrNotIncluded says that a proof does not lead from the entry to the
	// root of its checkpoint.
	ErrNotIncluded = errors.New("the entry is not in the checkpoint's tree")
)

const proofHeader = "c2sp.org/tlog-proof@v1\n"

// Proof says that an entry is in the log (C2SP tlog-proof), to be checked
// offline against a Policy.
type Proof struct {
	Index      int64
	Path       []Hash // from the leaf's sibling up
	Checkpoint []byte
	Extra      []byte // opaque, authenticated by nothing
}

// Marshal writes the text of C2SP tlog-proof, Format.
func (p Proof) Marshal() []byte {
	var b strings.Builder
	b.WriteString(proofHeader)
	if len(p.Extra) > 0 {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	fmt.Fprintf(&b, "index %d\n", p.Index)
	for _, h := range p.Path {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return []byte(b.String())
}

// ParseProof reads what Marshal writes. It checks no signature. The proof's
// Checkpoint is a part of text.
func ParseProof(text []byte) (Proof, error) {
	if len(text) > 2*MaxCheckpoint {
		return Proof{}, ErrProof
	}
	rest, ok := bytes.CutPrefix(text, []byte(proofHeader))
	head, checkpoint, ok2 := bytes.Cut(rest, []byte("\n\n"))
	if !ok || !ok2 {
		return Proof{}, ErrProof
	}
	p := Proof{Checkpoint: checkpoint}
	line, head, more := bytes.Cut(head, []byte{'\n'})
	if extra, ok := bytes.CutPrefix(line, []byte("extra ")); ok {
		var err error
		p.Extra, err = base64.StdEncoding.Strict().AppendDecode(nil, extra)
		if err != nil || !more || bytes.IndexByte(extra, '\r') >= 0 {
			return Proof{}, ErrProof
		}
		line, head, more = bytes.Cut(head, []byte{'\n'})
	}
	index, ok := bytes.CutPrefix(line, []byte("index "))
	n, err := decimal(string(index))
	hashes := bytes.Count(head, []byte{'\n'}) + 1
	if !ok || err != nil || hashes > 63 {
		return Proof{}, ErrProof
	}
	p.Index = n
	if more {
		p.Path = make([]Hash, hashes)
	}
	for i := range p.Path {
		line, head, _ = bytes.Cut(head, []byte{'\n'})
		if p.Path[i], err = parseHash(line); err != nil {
			return Proof{}, ErrProof
		}
	}
	if _, err := Peek(p.Checkpoint); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return p, nil
}

// VerifyInclusion checks that the entry is in the log at the proof's index, in
// a checkpoint that Open accepts. ErrUnwitnessed comes only when all else is
// right.
func (p Policy) VerifyInclusion(entry []byte, proof Proof) (Checkpoint, error) {
	c, unwitnessed := p.Open(proof.Checkpoint)
	if unwitnessed != nil && !errors.Is(unwitnessed, ErrUnwitnessed) {
		return Checkpoint{}, unwitnessed
	}
	if err := CheckInclusion(proof.Path, c.Size, c.Root, proof.Index, LeafHash(entry)); err != nil {
		return Checkpoint{}, err
	}
	return c, unwitnessed
}

// CheckInclusion checks an inclusion proof (RFC 6962, 2.1.1).
func CheckInclusion(path []Hash, size int64, root Hash, index int64, leaf Hash) error {
	if err := tlog.CheckRecord(path, size, root, index, leaf); err != nil {
		return fmt.Errorf("%w: %w", ErrNotIncluded, err)
	}
	return nil
}

// ErrInconsistent says that one tree is not a beginning of another.
var ErrInconsistent = errors.New("the trees are not consistent")

// CheckConsistency checks a consistency proof (RFC 6962, 2.1.2). An empty tree
// is the beginning of every tree, by an empty proof.
func CheckConsistency(path []Hash, oldSize int64, oldRoot Hash, size int64, root Hash) error {
	if oldSize == 0 {
		if len(path) != 0 || oldRoot != EmptyRoot || size < 0 {
			return ErrInconsistent
		}
		return nil
	}
	if err := tlog.CheckTree(path, size, root, oldSize, oldRoot); err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	return nil
}
