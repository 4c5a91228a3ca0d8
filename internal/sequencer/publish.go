package sequencer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// ErrNoQuorum says that too few witnesses cosigned this time.
var ErrNoQuorum = errors.New("too few witnesses cosigned")

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
	cosigned, err := l.ask(ctx)
	if err != nil {
		return err
	}
	// Another writer may have gone further meanwhile: then ErrMoved, and the
	// state is read again.
	err = l.o.Storage.Publish(ctx, Published{l.tree.Size, l.tree.Root, cosigned, l.o.Now()})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	l.wake()
	return nil
}

// wake tells those who wait for a proof that there is a new checkpoint.
func (l *Log) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.published)
	l.published, l.behind = make(chan struct{}), time.Time{}
}

// ask has the tree cosigned, at most every few seconds while that fails.
func (l *Log) ask(ctx context.Context) ([]byte, error) {
	if time.Now().Before(l.askAgain) {
		return nil, l.refused
	}
	// The same head again, which is in the storage: by the keys in force by now.
	signed, err := l.sign(l.tree.Size, l.tree.Root)
	if err != nil {
		return nil, err
	}
	l.tree.Signed = signed
	cosigned, err := l.cosign(ctx)
	if err == nil {
		l.pause = 0
		return cosigned, nil
	}
	l.pause = min(max(2*l.pause, l.o.Interval), 5*time.Second)
	l.askAgain, l.refused = time.Now().Add(l.pause), ErrNoQuorum
	if errors.Is(err, ErrRolledBack) {
		// Unless another writer moved the tree while we asked.
		if now, err := l.o.Storage.Tree(ctx); err != nil || now.Size != l.tree.Size {
			return nil, errors.Join(ErrMoved, err)
		}
		return nil, err
	}
	l.refused = err
	return nil, err
}

type answer struct {
	from     string
	lines    []byte
	cosigned []string // whose cosignatures the lines are
	err      error
}

// cosign asks all witnesses at once and gives the checkpoint with a quorum of
// cosignatures. One witness that says it knows a newer tree may be lying; when
// without those who say so there can be no quorum, the log has to stop.
func (l *Log) cosign(ctx context.Context) ([]byte, error) {
	round := round{l: l, policy: l.o.Policy.Remembering(), merged: l.tree.Signed}
	answers := l.askAll(ctx, round.policy)
	var patience <-chan time.Time
	for range l.witnesses {
		if patience == nil && l.o.Policy.Quorum(round.cosigned) {
			patience = time.After(grace)
		}
		select {
		case a := <-answers:
			round.take(ctx, a)
		case <-patience:
			return round.whole()
		}
	}
	switch {
	case l.o.Policy.Quorum(round.cosigned):
		return round.whole()
	case !l.o.Policy.Quorum(round.others):
		return nil, errors.Join(append(round.against, round.problems...)...)
	}
	// Not ErrRolledBack: those who say so may be lying, as long as others can answer.
	for _, err := range round.against {
		round.problems = append(round.problems, errors.New(err.Error()))
	}
	return nil, fmt.Errorf("%w: %w", ErrNoQuorum, errors.Join(round.problems...))
}

// askAll asks each witness in a goroutine of its own; a slow one goes on after
// the others made a quorum, to be up to date next time.
func (l *Log) askAll(ctx context.Context, policy tlog.Policy) <-chan answer {
	answers := make(chan answer, len(l.witnesses))
	asking, cancel := context.WithTimeout(ctx, askFor)
	time.AfterFunc(askFor, cancel)
	tree := &grown{Tree: *l.tree, tiles: l.o.Storage}
	for _, w := range l.witnesses {
		go func() {
			lines, err := w.cosign(asking, tree)
			var cosigned []string
			if err == nil {
				lines, cosigned, err = judge(policy, tree.Signed, lines)
			}
			l.o.Asked(w.Name, tree.Size, err)
			answers <- answer{w.Name, lines, cosigned, err}
		}()
	}
	return answers
}

// round collects what the witnesses answered.
type round struct {
	l        *Log
	policy   tlog.Policy
	merged   []byte
	cosigned []string
	others   []string // who did not say that the storage is behind
	against  []error  // of those who did
	problems []error  // of the others
}

func (r *round) take(ctx context.Context, a answer) {
	if a.err == nil { // then the lines are sound, and Merge takes them
		r.merged, _ = tlog.Merge(r.merged, a.lines)
		r.cosigned = append(r.cosigned, a.cosigned...)
	}
	said := fmt.Errorf("witness %s: %w", a.from, a.err)
	if errors.Is(a.err, ErrRolledBack) {
		r.l.o.Logger.ErrorContext(ctx, "witness contradicts the log", "witness", a.from, "error", a.err)
		r.against = append(r.against, said)
		return
	}
	r.others = append(r.others, a.from)
	if a.err != nil {
		r.problems = append(r.problems, said)
	}
}

// whole checks the checkpoint as everybody will, once, before it is published.
func (r *round) whole() ([]byte, error) {
	if _, err := r.policy.Open(r.merged); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoQuorum, err)
	}
	return r.merged, nil
}

// judge keeps one line of each witness of the policy, and tells whose they are (C2SP
// tlog-witness: others are ignored). Wrong ones would spoil the whole note, and
// strangers' fill it: a note holds a hundred.
func judge(policy tlog.Policy, note, lines []byte) (kept []byte, cosigned []string, err error) {
	for line := range bytes.Lines(lines) {
		merged, err := tlog.Merge(note, line)
		if err != nil {
			return nil, nil, err
		}
		c, err := policy.Open(merged)
		if err != nil && !errors.Is(err, tlog.ErrUnwitnessed) {
			return nil, nil, fmt.Errorf("a witness answered with a wrong cosignature: %w", err)
		}
		for _, name := range c.Witnesses {
			if !slices.Contains(cosigned, name) {
				kept, cosigned = append(kept, line...), append(cosigned, name)
			}
		}
	}
	if len(cosigned) == 0 {
		return nil, nil, errors.New("a witness answered with no cosignature of the policy's")
	}
	return kept, cosigned, nil
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
	return l.prove(ctx, leaf, p)
}

// prove makes the proof in a published checkpoint; ErrPending: not in it.
func (l *Log) prove(ctx context.Context, leaf tlog.Hash, p Published) (tlog.Proof, error) {
	index, err := l.o.Storage.Index(ctx, leaf)
	if errors.Is(err, ErrNone) || err == nil && index >= p.Size {
		return tlog.Proof{}, ErrPending
	}
	if err != nil {
		return tlog.Proof{}, fmt.Errorf("find leaf: %w", err)
	}
	path, err := l.prover.Inclusion(ctx, p.Size, p.Root, index)
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
