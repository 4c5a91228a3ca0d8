package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

type anchorer struct {
	origin   string
	policy   tlog.Policy
	trust    *endorsement.Trust
	hub      hub
	chain    *chain
	box      outbox
	interval time.Duration
	log      *slog.Logger
	handed   int64 // the size whose proof the hub took from this process last
}

var (
	// errFork says that the log does not continue what is anchored.
	errFork = errors.New("the log contradicts its anchor")
	// errOlder says that the log shows less than is anchored: a replica that is late, or
	// a hub that was set back.
	errOlder = errors.New("the log shows an older tree than is anchored")
)

// run goes on until the context ends, or the log forks.
func (a *anchorer) run(ctx context.Context) error {
	a.chain.warm(a.origin)
	pause := time.Duration(0)
	for {
		err := a.step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // asked to end, it ends well, whatever it was at
		case errors.Is(err, errFork):
			return err
		case err != nil:
			a.log.Warn("anchoring delayed", "error", err)
			pause = min(max(2*pause, 500*time.Millisecond), 30*time.Second)
		default:
			pause = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(pause, a.interval/4)):
		}
	}
}

// step finishes what is under way, or begins the next when its time has come.
func (a *anchorer) step(ctx context.Context) error {
	p, err := a.box.load()
	if err != nil {
		return err
	}
	if p.Size != 0 && p.TxID != "" {
		return a.finish(ctx, p)
	}
	if since := time.Since(p.Spent); since >= 0 && since < a.interval {
		return nil
	}
	refused := a.remind(ctx, p)
	if refused != nil && (!errors.Is(refused, errNotTaken) || errors.Is(refused, errFork)) {
		return refused
	}
	c, err := a.checkpoint(ctx, p)
	if errors.Is(err, errOlder) {
		a.handed = 0 // it may have lost the proof, and learns by it that it was set back
	}
	if err != nil || c.Size == 0 || c.Size == p.LastSize {
		return errors.Join(refused, err)
	}
	p.Size, p.Root, p.LogSigned = c.Size, c.Root, a.policy.LogSignatures(c.Note)
	if err := a.chain.prepare(a.origin, &p); err != nil {
		if word(err, "BEHIND") || word(err, "CONFLICT") {
			return a.adopt(ctx, p)
		}
		return fmt.Errorf("prepare the anchor of size %d: %w", c.Size, err)
	}
	p.Spent = time.Now()
	if err := a.box.save(p); err != nil {
		return err
	}
	return a.finish(ctx, p)
}

// checkpoint is the log's newest, witnessed, and a continuation of the last.
func (a *anchorer) checkpoint(ctx context.Context, p pending) (tlog.Checkpoint, error) {
	note, err := a.hub.get(ctx, "/log/checkpoint")
	if err != nil {
		return tlog.Checkpoint{}, err
	}
	c, err := a.policy.Open(note)
	if err != nil {
		return c, err
	}
	if c.Origin != a.origin {
		return c, fmt.Errorf("the log shows %s", c.Origin)
	}
	if c.Size < p.LastSize {
		return c, fmt.Errorf("%w: size %d, and %d is anchored", errOlder, c.Size, p.LastSize)
	}
	return c, a.consistent(ctx, c, p.LastSize, p.LastRoot)
}

func (a *anchorer) consistent(ctx context.Context, c tlog.Checkpoint, size int64, root tlog.Hash) error {
	if size == 0 {
		return nil
	}
	path, err := tlog.ProveConsistency(ctx, a.hub, c.Size, c.Root, size)
	if err != nil {
		return err
	}
	if err := tlog.CheckConsistency(path, size, root, c.Size, c.Root); err != nil {
		return fmt.Errorf("%w: size %d root %s is anchored, it shows size %d root %s", errFork, size, root, c.Size, c.Root)
	}
	return nil
}

// finish broadcasts the kept bytes until the ledger tells their outcome, then
// reads the proof and hands it over.
func (a *anchorer) finish(ctx context.Context, p pending) error {
	code, found := a.chain.outcome(p.TxID)
	if !found {
		if err := a.chain.broadcast(p); err != nil {
			return fmt.Errorf("broadcast the anchor of size %d: %w", p.Size, err)
		}
		if code, found = a.chain.await(ctx, p.TxID); !found {
			return fmt.Errorf("the outcome of the anchor of size %d is unknown", p.Size)
		}
	}
	if code != "VALID" {
		p.TxID, p.Payload, p.Signature = "", nil, nil
		again := p
		again.Size = 0
		return errors.Join(fmt.Errorf("the anchor of size %d has no effect: %s", p.Size, code), a.box.save(again))
	}
	return a.prove(ctx, p, p.Size)
}

// adopt takes up what another process anchored.
func (a *anchorer) adopt(ctx context.Context, p pending) error {
	size, err := a.chain.latest(a.origin)
	if err != nil {
		return err
	}
	return a.prove(ctx, p, size)
}

// remind offers the newest proof to a hub that did not take it, or not from this process.
func (a *anchorer) remind(ctx context.Context, p pending) error {
	if p.LastSize == a.handed {
		return nil
	}
	_, err := a.offer(ctx, p.LastSize)
	return err
}

// prove reads the proof of a size, checks it offline and hands it over. A hub that refuses
// it is told about, and asked again; anchoring goes on.
func (a *anchorer) prove(ctx context.Context, p pending, size int64) error {
	root, err := a.offer(ctx, size)
	if err != nil && (!errors.Is(err, errNotTaken) || errors.Is(err, errFork)) {
		return err
	}
	a.log.Info("anchored", "size", size, "tx", p.TxID)
	return errors.Join(err, a.box.save(pending{Schema: schema, LastSize: size, LastRoot: root, Spent: p.Spent}))
}

// offer gives the hub the proof of a size; the root is that of the ledger.
func (a *anchorer) offer(ctx context.Context, size int64) (tlog.Hash, error) {
	proof, err := a.chain.read(a.origin, size)
	if err != nil {
		return tlog.Hash{}, err
	}
	there, err := a.trust.Verify(proof)
	if err != nil {
		return tlog.Hash{}, err
	}
	if there.Origin != a.origin || there.Size != size {
		return tlog.Hash{}, fmt.Errorf("the peers answered about %s, size %d", there.Origin, there.Size)
	}
	if err := a.hand(ctx, proof, size, there.Root); err != nil {
		return there.Root, err
	}
	a.handed = size
	return there.Root, nil
}

// hand gives the hub a proof, and holds the log against it also where the hub
// refuses it, as one does that was set back: then it is the fork that is to be told.
func (a *anchorer) hand(ctx context.Context, proof endorsement.Proof, size int64, root tlog.Hash) error {
	refused := a.hub.take(ctx, proof)
	note, err := a.hub.get(ctx, "/log/checkpoint")
	if err != nil {
		return errors.Join(refused, err)
	}
	c, err := a.policy.Open(note)
	if err == nil && c.Size >= size {
		err = a.consistent(ctx, c, size, root)
	}
	return errors.Join(refused, err)
}
