package anchor

import (
	"context"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// take looks, once a process, at what the ledger holds: an anchorer that lost
// its folder goes on where the ledger is.
func (a *Anchorer) take(ctx context.Context) error {
	if a.state.Next != nil || a.state.Last != nil {
		return nil
	}
	size, err := call(ctx, a, func(ctx context.Context) (int64, error) { return a.o.Chain.Latest(ctx, a.origin) })
	if err != nil {
		return fmt.Errorf("ask for the newest anchor: %w", err)
	}
	if size == 0 {
		return nil
	}
	return a.adopt(ctx, size)
}

// adopt takes up what another process anchored: a size beyond ours, or ours
// with other digests. It has to continue into the log all the same.
func (a *Anchorer) adopt(ctx context.Context, size int64) error {
	proof, there, err := a.ask(ctx, size)
	if err != nil {
		return err
	}
	anchored := Anchor{Size: there.Size, Root: there.Root, Proof: proof.Marshal(), At: a.o.Now()}
	c, err := a.checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := a.consistent(ctx, anchored, c); err != nil && !errors.Is(err, ErrOlder) {
		return err
	}
	s := *a.state
	if s.Covered == 0 {
		s.Covered = size // whoever anchored it had its digests ride
	}
	if s.Next != nil {
		s.Waiting = requeue(s.Next.Put.Digests, s.Waiting)
	}
	put := Put{Origin: a.origin, Size: there.Size, Root: there.Root, Digests: there.Digests}
	s.Next = &Entry{Step: ReadBack, Put: put, Proof: anchored.Proof, Since: a.o.Now()}
	return a.save(s)
}

// choose picks the log's newest checkpoint, when it is time for a transaction.
func (a *Anchorer) choose(ctx context.Context) (done bool, err error) {
	if !a.spendable() {
		return true, nil
	}
	refused := a.remind(ctx)
	if refused != nil && !errors.Is(refused, ErrNotTaken) {
		return true, refused
	}
	c, err := a.checkpoint(ctx)
	if err != nil {
		return true, errors.Join(refused, err)
	}
	if a.state.Last != nil {
		if err := a.consistent(ctx, *a.state.Last, c); err != nil {
			return true, errors.Join(refused, err)
		}
	}
	if c.Size == 0 || a.state.Last != nil && c.Size == a.state.Last.Size {
		return true, refused // a size has one anchor; what waits rides with the next
	}
	ride, wait, err := a.digests(ctx, c)
	if err != nil {
		return true, errors.Join(refused, err)
	}
	s := *a.state
	s.Next = &Entry{
		Step: Chosen, Put: Put{Origin: a.origin, Size: c.Size, Root: c.Root, Digests: ride, Signatures: a.o.Policy.LogSignatures(c.Note)}, Note: c.Note, Since: a.o.Now(),
	}
	s.Waiting, s.Covered = wait, a.reading.edge.Size()
	if err := a.save(s); err != nil {
		return true, err
	}
	a.reading = &reading{s.Covered, a.reading.edge, map[subject]said{}}
	return false, nil
}

// digests reads the entries that no transaction covers and says whose ride.
func (a *Anchorer) digests(ctx context.Context, c tlog.Checkpoint) (ride, wait []Digest, err error) {
	if a.reading == nil || a.reading.from != a.state.Covered || a.reading.edge.Size() > c.Size {
		if a.reading, err = newReading(ctx, a.o.Hub, min(a.state.Covered, c.Size)); err != nil {
			return nil, nil, err
		}
	}
	if err := a.reading.read(ctx, a.o.Hub, c, a.state.Waiting); err != nil {
		a.reading = nil
		return nil, nil, err
	}
	ride, wait = a.reading.load(a.state.Waiting)
	return ride, wait, nil
}

// remind gives the hub the newest proof again when it has an older one or none,
// as after it was restored from a backup: then this is how it learns of it.
func (a *Anchorer) remind(ctx context.Context) error {
	last := a.state.Last
	if last == nil {
		return nil
	}
	p, err := call(ctx, a, a.o.Hub.Newest)
	if err == nil {
		// What the hub shows and does not verify is no reason to keep ours.
		if has, err := a.o.Trust.Verify(p); err == nil && has.Origin == a.origin && has.Size >= last.Size {
			return nil
		}
	} else if errors.Is(err, ErrHub) {
		return err
	}
	proof, err := endorsement.ParseProof(last.Proof)
	if err != nil {
		return fmt.Errorf("%w: its last proof: %w", ErrState, err)
	}
	return a.give(ctx, proof)
}

// checkpoint reads the log's checkpoint, of the policy's log, witnessed.
func (a *Anchorer) checkpoint(ctx context.Context) (tlog.Checkpoint, error) {
	note, err := call(ctx, a, a.o.Hub.Checkpoint)
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("%w: %w", ErrLog, err)
	}
	c, err := a.o.Policy.Open(note)
	if err != nil {
		return tlog.Checkpoint{}, fmt.Errorf("the log's checkpoint: %w", err)
	}
	if c.Origin != a.origin {
		return tlog.Checkpoint{}, fmt.Errorf("the log's checkpoint is of %q, not of %s", c.Origin, a.origin)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Published = c.Size
	return c, nil
}

// ErrOlder says that the log shows an older tree than was anchored: a replica
// that is late, or a log that was set back.
var ErrOlder = errors.New("the log shows an older tree than is anchored")

// consistent says whether what is anchored is a beginning of the log's tree. An
// error that is no Fork says that it could not be told.
func (a *Anchorer) consistent(ctx context.Context, anchored Anchor, c tlog.Checkpoint) error {
	shown := Anchor{Size: c.Size, Root: c.Root, Note: c.Note, At: a.o.Now()}
	if c.Size < anchored.Size {
		return fmt.Errorf("%w: size %d, and %d is anchored", ErrOlder, c.Size, anchored.Size)
	}
	path, err := call(ctx, a, func(ctx context.Context) ([]tlog.Hash, error) {
		return tlog.ProveConsistency(ctx, a.o.Hub, c.Size, c.Root, anchored.Size)
	})
	if err != nil { // the tiles are not those of the checkpoint, or not there
		return fmt.Errorf("%w: %w", ErrLog, err)
	}
	if err := tlog.CheckConsistency(path, anchored.Size, anchored.Root, c.Size, c.Root); err != nil {
		return a.alarm(ctx, anchored, shown)
	}
	return nil
}

// alarm keeps the evidence, gives the hub what contradicts it, and stops.
func (a *Anchorer) alarm(ctx context.Context, anchored, shown Anchor) error {
	fork := &Fork{Origin: a.origin, Anchored: anchored, Shown: shown, At: a.o.Now()}
	err := a.o.Outbox.Alarm(*fork)
	if proof, bad := endorsement.ParseProof(anchored.Proof); bad == nil {
		_ = a.give(ctx, proof) // it stops when it hears of it; we do in any case
	}
	a.state = nil
	return errors.Join(fork, err)
}
