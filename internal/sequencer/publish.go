package sequencer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// errNoQuorum says that too few witnesses cosigned this time.
var errNoQuorum = errors.New("too few witnesses cosigned")

const (
	askFor = 2 * time.Second       // how long a witness may take
	grace  = 30 * time.Millisecond // for the others, once there is a quorum
)

// publish has the tree cosigned and published, unless it is published already
// and the witnesses are known to agree.
func (l *Log) publish(ctx context.Context) error {
	p, err := l.o.Storage.Published(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	if err == nil && p.Size == l.tree.Size && l.agreed {
		return nil
	}
	cosigned, err := l.cosign(ctx)
	if err != nil {
		return err
	}
	// Other writers may have gone further meanwhile: then ErrMoved, and the
	// state is read again.
	err = l.o.Storage.Publish(ctx, Published{l.tree.Size, l.tree.Root, cosigned, l.o.Now()})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	l.mu.Lock()
	close(l.published)
	l.published = make(chan struct{})
	l.mu.Unlock()
	return nil
}

type answer struct {
	lines []byte
	err   error
}

// cosign asks all witnesses at once and gives the checkpoint with a quorum of
// cosignatures.
func (l *Log) cosign(ctx context.Context) ([]byte, error) {
	merged := l.tree.Signed
	answers := make(chan answer, len(l.witnesses))
	asking, cancel := context.WithTimeout(ctx, askFor)
	tree := *l.tree
	for _, w := range l.witnesses {
		go func() {
			lines, err := w.cosign(asking, l.o.Storage, tree)
			answers <- answer{lines, err}
		}()
	}
	// A slow witness goes on in the background, to be up to date next time.
	time.AfterFunc(askFor, cancel)
	var problems error
	enough := l.quorum(merged)
	var patience <-chan time.Time
	if enough {
		patience = time.After(grace)
	}
	for range l.witnesses {
		select {
		case a := <-answers:
			if errors.Is(a.err, ErrRolledBack) {
				return nil, a.err
			}
			if a.err == nil {
				merged, a.err = l.merge(merged, a.lines)
			}
			problems = errors.Join(problems, a.err)
		case <-patience:
			return merged, nil
		}
		if !enough && l.quorum(merged) {
			enough, patience = true, time.After(grace)
		}
	}
	if !enough {
		return nil, fmt.Errorf("%w: %w", errNoQuorum, problems)
	}
	return merged, nil
}

func (l *Log) quorum(note []byte) bool {
	_, err := l.o.Policy.Open(note)
	return err == nil
}

// merge adds the lines of a witness when they are right; wrong ones would
// spoil the whole note.
func (l *Log) merge(note, lines []byte) ([]byte, error) {
	merged, err := tlog.Merge(note, lines)
	if err != nil {
		return note, err
	}
	if _, err := l.o.Policy.Open(merged); err != nil && !errors.Is(err, tlog.ErrUnwitnessed) {
		return note, fmt.Errorf("a witness answered with a wrong cosignature: %w", err)
	}
	return merged, nil
}

// Checkpoint gives the latest published, cosigned checkpoint.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	p, err := l.o.Storage.Published(ctx)
	if errors.Is(err, ErrNone) {
		return nil, ErrPending
	}
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	return p.Note, nil
}

// Proof proves that an entry is in the latest published checkpoint; ErrPending
// when it is not.
func (l *Log) Proof(ctx context.Context, entry []byte) (tlog.Proof, error) {
	return l.ProofOfLeaf(ctx, tlog.LeafHash(entry))
}

// ProofOfLeaf is Proof for who knows the leaf's hash only.
func (l *Log) ProofOfLeaf(ctx context.Context, leaf tlog.Hash) (tlog.Proof, error) {
	p, err := l.o.Storage.Published(ctx)
	if errors.Is(err, ErrNone) {
		return tlog.Proof{}, ErrPending
	}
	if err != nil {
		return tlog.Proof{}, fmt.Errorf("read checkpoint: %w", err)
	}
	index, err := l.o.Storage.Index(ctx, leaf)
	if errors.Is(err, ErrNone) || err == nil && index >= p.Size {
		return tlog.Proof{}, ErrPending
	}
	if err != nil {
		return tlog.Proof{}, fmt.Errorf("find leaf: %w", err)
	}
	path, err := tlog.ProveInclusion(ctx, l.o.Storage, p.Size, p.Root, index)
	if err != nil {
		return tlog.Proof{}, err
	}
	return tlog.Proof{Index: index, Path: path, Checkpoint: p.Note}, nil
}

// WaitProof is Proof, waiting for the publication until the context ends.
func (l *Log) WaitProof(ctx context.Context, entry []byte) (tlog.Proof, error) {
	for {
		l.mu.Lock()
		next := l.published
		l.mu.Unlock()
		proof, err := l.Proof(ctx, entry)
		if !errors.Is(err, ErrPending) {
			return proof, err
		}
		select {
		case <-ctx.Done():
			return tlog.Proof{}, fmt.Errorf("%w: %w", ErrPending, ctx.Err())
		case <-next:
		case <-time.After(time.Second): // another replica may have published
		}
	}
}

// Tile gives a tile or an entry bundle of the published tree; ErrNone when it
// is not there (so far).
func (l *Log) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	p, err := l.o.Storage.Published(ctx)
	if err != nil {
		return nil, err
	}
	if !t.In(p.Size) {
		return nil, ErrNone
	}
	return l.o.Storage.Tile(ctx, t)
}
