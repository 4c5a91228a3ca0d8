package anchor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// advance does one step. done: nothing more to do before the next interval.
func (a *Anchorer) advance(ctx context.Context) (done bool, err error) {
	next := a.state.Next
	if next == nil {
		return a.choose(ctx)
	}
	switch next.Step {
	case Chosen:
		return a.prepare(ctx, *next)
	case Prepared:
		return false, a.submit(ctx, *next)
	case Submitted:
		return false, a.settle(ctx, *next)
	case Settled:
		return false, a.readBack(ctx, *next)
	default:
		return false, a.handOver(ctx, *next)
	}
}

// move makes a step durable.
func (a *Anchorer) move(n Entry, to Step) error {
	s := *a.state
	if n.Step != to {
		n.Since = a.o.Now()
	}
	n.Step = to
	s.Next = &n
	return a.save(s)
}

// prepare has the chosen checkpoint endorsed and signed, at most once an
// interval. Nothing is on the ledger before submit.
func (a *Anchorer) prepare(ctx context.Context, n Entry) (done bool, err error) {
	if !a.spendable() {
		return true, nil
	}
	p, err := call(ctx, a, func(ctx context.Context) (Pending, error) { return a.o.Chain.Prepare(ctx, n.Put) })
	switch {
	case errors.Is(err, ErrConflict):
		return false, a.adopt(ctx, n.Put.Size)
	case errors.Is(err, ErrBehind):
		size, err := call(ctx, a, func(ctx context.Context) (int64, error) { return a.o.Chain.Latest(ctx, a.origin) })
		if err != nil {
			return false, fmt.Errorf("ask for the newest anchor: %w", err)
		}
		return false, a.adopt(ctx, size)
	case errors.Is(err, ErrInvalid):
		// Never as it is: perhaps the log's key that signed it was replaced while the
		// ledger was out of reach. The log's newest is chosen instead.
		s := *a.state
		s.Next, s.Waiting = nil, requeue(n.Put.Digests, s.Waiting)
		return false, errors.Join(fmt.Errorf("prepare the anchor of size %d: %w", n.Put.Size, err), a.save(s))
	case err != nil:
		return false, fmt.Errorf("prepare the anchor of size %d: %w", n.Put.Size, err)
	}
	s := *a.state
	n.Step, n.TxID, n.Bytes, n.Since = Prepared, p.TxID, p.Bytes, a.o.Now()
	s.Next, s.Spent, s.Count = &n, n.Since, s.Count+1
	return false, a.save(s)
}

// spendable says whether an interval has passed since the last transaction. A
// clock that went back does not make it longer.
func (a *Anchorer) spendable() bool {
	since := a.o.Now().Sub(a.state.Spent)
	return a.state.Spent.IsZero() || since < 0 || since >= a.o.Interval
}

func (n Entry) pending() Pending { return Pending{n.TxID, n.Bytes} }

// submit sends the signed bytes. Whatever is answered, save a refusal for good,
// they may have arrived: the next attempt sends the same.
func (a *Anchorer) submit(ctx context.Context, n Entry) error {
	_, err := call(ctx, a, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, a.o.Chain.Submit(ctx, n.pending())
	})
	if final(err) {
		// The same checkpoint in another transaction is the same anchor, and
		// changes nothing if this one was taken all the same.
		n.TxID, n.Bytes = "", nil
		return errors.Join(fmt.Errorf("submit the anchor of size %d: %w", n.Put.Size, err), a.move(n, Chosen))
	}
	if err != nil {
		return fmt.Errorf("submit the anchor of size %d: %w", n.Put.Size, err)
	}
	return a.move(n, Submitted)
}

// settle asks what became of the transaction.
func (a *Anchorer) settle(ctx context.Context, n Entry) error {
	outcome, err := call(ctx, a, func(ctx context.Context) (Outcome, error) { return a.o.Chain.Status(ctx, n.pending()) })
	switch outcome {
	case Committed:
		return a.move(n, Settled)
	case Invalid:
		return a.void(ctx, n, err)
	}
	if errors.Is(err, ErrUnreachable) { // the peer that could tell
		return fmt.Errorf("ask about the anchor of size %d: %w", n.Put.Size, err)
	}
	// Perhaps lost before it got into a block: the same bytes again.
	return errors.Join(fmt.Errorf("the outcome of the anchor of size %d is unknown: %w", n.Put.Size, cause(err)), a.move(n, Prepared))
}

var errNotInBlock = errors.New("the transaction is in no block")

func cause(err error) error {
	if err == nil {
		return errNotInBlock
	}
	return err
}

// void handles a transaction without effect. A duplicate was committed before;
// one that met another write of the same size may find the same content there.
// Otherwise the checkpoint goes into another transaction.
func (a *Anchorer) void(ctx context.Context, n Entry, why error) error {
	proof, there, err := a.ask(ctx, n.Put.Size)
	switch {
	case err == nil && there.Root == n.Put.Root && slices.Equal(there.Digests, n.Put.Digests):
		n.Proof = proof.Marshal()
		return a.move(n, ReadBack)
	case err == nil:
		return a.adopt(ctx, n.Put.Size)
	case !errors.Is(err, ErrNotFound):
		return errors.Join(err, why)
	}
	n.TxID, n.Bytes = "", nil
	return errors.Join(fmt.Errorf("the anchor of size %d: %w", n.Put.Size, cause(why)), a.move(n, Chosen))
}

// ask reads what the organisations' peers hold of a size, checked.
func (a *Anchorer) ask(ctx context.Context, size int64) (endorsement.Proof, endorsement.Anchored, error) {
	proof, err := call(ctx, a, func(ctx context.Context) (endorsement.Proof, error) { return a.o.Chain.Read(ctx, a.origin, size) })
	if err != nil {
		return proof, endorsement.Anchored{}, fmt.Errorf("read the anchor of size %d: %w", size, err)
	}
	there, err := a.o.Trust.Verify(proof)
	if err != nil {
		return proof, there, fmt.Errorf("read the anchor of size %d: %w", size, err)
	}
	if there.Origin != a.origin || there.Size != size {
		return proof, there, fmt.Errorf("read the anchor of size %d: the peers answered about %s, size %d", size, there.Origin, there.Size)
	}
	return proof, there, nil
}

// readBack gets the portable proof of what is committed.
func (a *Anchorer) readBack(ctx context.Context, n Entry) error {
	proof, there, err := a.ask(ctx, n.Put.Size)
	if err != nil {
		return err
	}
	if there.Root != n.Put.Root {
		shown := Anchor{Size: n.Put.Size, Root: n.Put.Root, Note: n.Note, At: a.o.Now()}
		return a.alarm(ctx, Anchor{Size: there.Size, Root: there.Root, Proof: proof.Marshal(), At: a.o.Now()}, shown)
	}
	n.Proof = proof.Marshal()
	return a.move(n, ReadBack)
}

// handOver gives the proof to the hub and empties the outbox. A hub that is out
// of reach is waited for; one that refuses is told about, and asked again with
// the newest proof at each interval.
func (a *Anchorer) handOver(ctx context.Context, n Entry) error {
	proof, err := endorsement.ParseProof(n.Proof)
	if err != nil {
		return fmt.Errorf("%w: its proof: %w", ErrState, err)
	}
	refused := a.give(ctx, proof)
	if refused != nil && !errors.Is(refused, ErrNotTaken) {
		return refused
	}
	s := *a.state
	s.Last = &Anchor{Size: n.Put.Size, Root: n.Put.Root, Note: n.Note, Proof: n.Proof, At: a.o.Now()}
	s.Next = nil
	if err := a.save(s); err != nil {
		return errors.Join(refused, err)
	}
	a.o.Logger.InfoContext(ctx, "anchored", "size", n.Put.Size, "tx", n.TxID, "digests", len(n.Put.Digests))
	return refused
}

func (a *Anchorer) give(ctx context.Context, p endorsement.Proof) error {
	_, err := call(ctx, a, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.o.Hub.Take(ctx, p) })
	if err != nil {
		return fmt.Errorf("hand the proof over: %w", err)
	}
	return nil
}
