package consenttest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Log is a log of up to 65,536 entries whose checkpoints three witnesses cosign.
type Log struct {
	// Silent witnesses do not cosign.
	Silent bool

	mu        sync.Mutex
	entries   [][]byte
	signer    tlog.Signer
	witnesses []tlog.Signer
	policy    []byte
}

// NewLog makes one whose policy asks for two of three witnesses.
func NewLog(origin string, now func() time.Time) *Log {
	l := &Log{}
	logKey, logPrivate, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	l.signer, err = tlog.NewSigner(origin, logPrivate)
	must(err)
	var known []tlog.Witness
	for _, name := range []string{"witness.one", "witness.two", "witness.three"} {
		key, private, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		signer, err := tlog.NewCosigner(name, private, now)
		must(err)
		l.witnesses = append(l.witnesses, signer)
		known = append(known, tlog.Witness{Name: name, Key: tlog.WitnessKey(name, key)})
	}
	l.policy = tlog.NewPolicy(tlog.Log{Key: tlog.LogKey(origin, logKey)}, known, 2)
	return l
}

// Policy is the log's policy file.
func (l *Log) Policy() []byte { return l.policy }

// Append adds an entry.
func (l *Log) Append(entry []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entry)
}

// Tile answers the entries, and the tiles of the two lowest levels.
func (l *Log) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	const full = 256
	span := 1
	if t.Level == 1 {
		span = full
	}
	begin := int(t.Index) * full * span
	if t.Level < tlog.Entries || t.Level > 1 || begin+t.Width*span > len(l.entries) {
		return nil, errors.New("no such tile")
	}
	if t.Level == tlog.Entries {
		return tlog.MarshalBundle(l.entries[begin : begin+t.Width])
	}
	var raw []byte
	for i := range t.Width {
		hash := rootOf(l.entries[begin+i*span : begin+(i+1)*span])
		raw = append(raw, hash[:]...)
	}
	return raw, nil
}

// Head is the tree as it is, cosigned by nobody.
func (l *Log) Head() (tlog.Checkpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	note, err := tlog.NewCheckpoint(l.signer, int64(len(l.entries)), l.root())
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	return tlog.Peek(note)
}

func (l *Log) root() tlog.Hash { return rootOf(l.entries) }

func rootOf(entries [][]byte) tlog.Hash {
	var edge tlog.Edge
	for _, e := range entries {
		edge.Append(tlog.LeafHash(e), func(tlog.Tile, []tlog.Hash) {})
	}
	return edge.Root()
}

// WaitProof answers an entry's place under a cosigned checkpoint.
func (l *Log) WaitProof(ctx context.Context, entry []byte) (tlog.Proof, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	index := slices.IndexFunc(l.entries, func(e []byte) bool { return slices.Equal(e, entry) })
	if index < 0 {
		return tlog.Proof{}, errors.New("the entry is not in the log")
	}
	size, root := int64(len(l.entries)), l.root()
	path, err := tlog.ProveInclusion(ctx, l, size, root, int64(index))
	if err != nil {
		return tlog.Proof{}, err
	}
	note, err := tlog.NewCheckpoint(l.signer, size, root)
	if err != nil {
		return tlog.Proof{}, err
	}
	for _, w := range l.witnesses {
		if l.Silent {
			break
		}
		line, err := tlog.Cosign(w, note)
		if err != nil {
			return tlog.Proof{}, err
		}
		if note, err = tlog.Merge(note, line); err != nil {
			return tlog.Proof{}, err
		}
	}
	return tlog.Proof{Index: int64(index), Path: path, Checkpoint: note}, nil
}
