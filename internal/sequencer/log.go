package sequencer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

var (
	// ErrPending says that an entry is in no published, witnessed checkpoint yet.
	ErrPending = errors.New("not yet in a witnessed checkpoint")
	// ErrRolledBack says that a witness has cosigned, or a ledger holds, a tree
	// that the storage does not know: the storage was set back, or another
	// writer uses our key.
	ErrRolledBack = errors.New("a witness or an anchor knows a newer or another tree than the storage")
	// ErrCorrupt says that the storage contradicts itself.
	ErrCorrupt = errors.New("the log's storage contradicts itself")
)

const (
	groupSize = 4096             // leaves of one group, at most
	stepTime  = 30 * time.Second // of one step: a database that hangs must not stop the log for good
)

// Options of a Log.
type Options struct {
	Storage Storage
	Signer  tlog.Signer // its name is the origin
	// Signers are those who sign at a time, while the log's key is changed both
	// the old and the new; nil: Signer alone, always.
	Signers  func(now time.Time) []tlog.Signer
	Policy   tlog.Policy   // knows our own keys; its witnesses have URLs
	Interval time.Duration // between groups: 100 ms when zero, 200 ms at most
	Client   *http.Client  // to witnesses
	// Holder names this replica in the lease; New chooses a name when it is empty.
	Holder string
	// Lease is how long a replica leads without a sign of life: 3 s when zero.
	Lease time.Duration
	// Sole says that no other process can have the storage, so that a lease that
	// was left by a process that died need not run out first.
	Sole bool
	// Asked hears of each witness's answer: the size that it cosigned, or why it
	// did not; nil: nobody does. It may be called from several goroutines.
	Asked  func(witness string, size int64, err error)
	Now    func() time.Time
	Logger *slog.Logger
}

// Log runs one transparency log.
type Log struct {
	o         Options
	witnesses []*witness
	prover    *tlog.Prover
	tree      *Tree // as last read or written; nil: read it again
	known     Tree  // the last that this process found durable
	edge      *tlog.Edge
	anchored  Anchor // as last found to be a beginning of the tree
	agreed    bool   // a quorum of witnesses knows nothing newer
	askAgain  time.Time
	refused   error         // why there was no quorum, until they are asked again
	pause     time.Duration // grows while witnesses are out of reach
	term      term
	began     bool // this process had the witnesses' agreement before

	mu        sync.Mutex
	published chan struct{} // closed and replaced at each publication
	stopped   error
	delay     error // of the last step
	delayed   time.Time
	behind    time.Time // since when leaves with a place wait for a checkpoint
	leads     bool
}

// ErrNotRunning says that Run was not called, or has ended.
var ErrNotRunning = errors.New("the sequencer is not running")

// New makes a log; Run starts it.
func New(o Options) (*Log, error) {
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.Interval > 200*time.Millisecond {
		return nil, errors.New("sequencer: groups are at most 200 ms apart")
	}
	if o.Lease == 0 {
		o.Lease = 3 * time.Second
	}
	if o.Holder == "" {
		o.Holder = rand.Text()
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	if o.Asked == nil {
		o.Asked = func(string, int64, error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Signers == nil {
		o.Signers = func(time.Time) []tlog.Signer { return []tlog.Signer{o.Signer} }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	l := &Log{o: o, published: make(chan struct{}), stopped: ErrNotRunning, prover: &tlog.Prover{Tiles: o.Storage}}
	for _, w := range o.Policy.Witnesses {
		if w.URL == "" {
			return nil, fmt.Errorf("sequencer: witness %s has no URL in the policy", w.Name)
		}
		l.witnesses = append(l.witnesses, newWitness(w, *o.Client))
	}
	return l, nil
}

// Run integrates and publishes until the context ends. It returns early only
// with ErrRolledBack or ErrCorrupt, which need a person; everything else is
// tried again.
func (l *Log) Run(ctx context.Context) error {
	l.stop(nil)
	defer l.resign()
	ticker := time.NewTicker(l.o.Interval)
	defer ticker.Stop()
	var before string
	for {
		err := l.limited(ctx)
		if errors.Is(err, ErrRolledBack) || errors.Is(err, ErrCorrupt) {
			err = l.explain(err)
			l.o.Logger.ErrorContext(ctx, "log stopped", "error", err)
			l.stop(err)
			return err
		}
		l.late(err)
		if now := kind(err); ctx.Err() == nil && now != before {
			if err != nil {
				l.o.Logger.WarnContext(ctx, "log delayed", "error", err)
			} else {
				l.o.Logger.InfoContext(ctx, "log goes on")
			}
			before = now
		}
		select {
		case <-ctx.Done():
			l.stop(ErrNotRunning)
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (l *Log) stop(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = err
}

// kind of a delay, of which one line in the service's log is enough: witnesses
// that are out of reach answer in ever new words.
func kind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNoQuorum):
		return ErrNoQuorum.Error()
	}
	return err.Error()
}

// limited is one step with an end.
func (l *Log) limited(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return l.step(ctx)
}

// late notes since when and why nothing is published.
func (l *Log) late(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.delay, l.delayed = nil, time.Time{}
		return
	}
	if l.delay == nil {
		l.delayed = l.o.Now()
	}
	l.delay = err
}

// Delayed says why checkpoints do not come, and since when; nil: they do.
// Commits go on meanwhile, and their proofs follow.
func (l *Log) Delayed() (since time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.delayed, l.delay
}

// Ready says why the log does not run, or nil. Witnesses out of reach do not
// make it unready: commits go on.
func (l *Log) Ready(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// step is one tick. After any error the state is read again.
func (l *Log) step(ctx context.Context) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrNoQuorum) {
			l.tree = nil
		}
	}()
	leads, err := l.lead(ctx)
	if err != nil {
		return err
	}
	if !leads {
		l.tree, l.agreed = nil, false
		return l.follow(ctx)
	}
	if l.tree == nil {
		if err := l.load(ctx); err != nil {
			return err
		}
	}
	if err := l.compare(ctx); err != nil {
		return err
	}
	if !l.agreed {
		if err := l.publish(ctx); err != nil {
			return err
		}
		l.agreed, l.began = true, true
	}
	if err := l.integrate(ctx); err != nil {
		return err
	}
	return l.publish(ctx)
}

// load reads the tree and checks that the storage agrees with itself.
func (l *Log) load(ctx context.Context) error {
	// Published first: both grow, and the tree is never behind.
	published, err := l.o.Storage.Published(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	first := err != nil
	tree, err := l.o.Storage.Tree(ctx)
	if errors.Is(err, ErrNone) && first {
		return l.create(ctx)
	}
	if errors.Is(err, ErrNone) {
		return fmt.Errorf("%w: a checkpoint without a tree", ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("read tree: %w", err)
	}
	if err := l.check(ctx, tree); err != nil {
		return err
	}
	if !first {
		if err := l.checkPublished(ctx, tree, published); err != nil {
			return err
		}
	}
	l.holds(tree, l.edge)
	if first || published.Size < tree.Size {
		l.waits()
	}
	return nil
}

// check compares the tree with its checkpoint and its tiles.
func (l *Log) check(ctx context.Context, tree Tree) error {
	c, err := l.o.Policy.Ever().Open(tree.Signed) // by whom it was signed when it was made
	if err != nil && !errors.Is(err, tlog.ErrUnwitnessed) {
		return fmt.Errorf("%w: its checkpoint: %w", ErrCorrupt, err)
	}
	if c.Origin != l.o.Signer.Name() || c.Size != tree.Size || c.Root != tree.Root {
		return fmt.Errorf("%w: the checkpoint is of another tree", ErrCorrupt)
	}
	edge, err := tlog.NewEdge(ctx, l.o.Storage, tree.Size)
	if errors.Is(err, ErrNone) || errors.Is(err, tlog.ErrTile) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return fmt.Errorf("read tiles: %w", err)
	}
	if edge.Root() != tree.Root {
		return fmt.Errorf("%w: the tiles do not give the root", ErrCorrupt)
	}
	l.edge = edge
	return nil
}

// checkPublished checks that what was published is a beginning of the tree.
func (l *Log) checkPublished(ctx context.Context, tree Tree, p Published) error {
	tiles := &reading{Tiles: l.o.Storage}
	path, err := tlog.ProveConsistency(ctx, tiles, tree.Size, tree.Root, p.Size)
	if tiles.failed != nil {
		return fmt.Errorf("read tiles: %w", tiles.failed)
	}
	if err == nil {
		err = tlog.CheckConsistency(path, p.Size, p.Root, tree.Size, tree.Root)
	}
	if err != nil {
		return fmt.Errorf("%w: the published checkpoint is not a beginning of the tree: %w", ErrCorrupt, err)
	}
	return nil
}

// reading remembers that tiles could not be read, which says nothing of what is
// in them: an outage must not pass for a contradiction.
type reading struct {
	tlog.Tiles
	failed error
}

func (r *reading) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	data, err := r.Tiles.Tile(ctx, t)
	if err != nil && !errors.Is(err, ErrNone) {
		r.failed = err
	}
	return data, err
}

// sign signs a tree head with the keys that are in force.
func (l *Log) sign(size int64, root tlog.Hash) ([]byte, error) {
	all := l.o.Signers(l.o.Now())
	if len(all) == 0 {
		return nil, errors.New("sign checkpoint: no key of the log is in force")
	}
	return tlog.NewCheckpoint(all[0], size, root, all[1:]...)
}

// create begins a log with the signed empty tree, so that there is a
// checkpoint to publish from the start.
func (l *Log) create(ctx context.Context) error {
	empty := Tree{Root: tlog.EmptyRoot}
	var err error
	if empty.Signed, err = l.sign(0, empty.Root); err != nil {
		return err
	}
	if err := l.o.Storage.Integrate(ctx, Group{To: empty}); err != nil {
		return fmt.Errorf("create tree: %w", err)
	}
	l.holds(empty, new(tlog.Edge))
	return nil
}

// integrate gives one group of pending leaves their places.
func (l *Log) integrate(ctx context.Context) error {
	leaves, err := l.o.Storage.Pending(ctx, groupSize)
	if err != nil {
		return fmt.Errorf("read pending leaves: %w", err)
	}
	if len(leaves) == 0 {
		return nil
	}
	if err := l.place(ctx, leaves); err != nil {
		return err
	}
	l.waits()
	return nil
}

// place gives leaves the next places, in their order.
func (l *Log) place(ctx context.Context, leaves []Leaf) (err error) {
	edge := l.edge.Clone()
	g := Group{From: *l.tree, Leaves: leaves}
	keep := func(t tlog.Tile, hashes []tlog.Hash) {
		data := make([]byte, 0, len(hashes)*len(tlog.Hash{}))
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		g.Tiles = append(g.Tiles, TileRow{t, data})
	}
	for _, leaf := range leaves {
		edge.Append(tlog.LeafHash(leaf.Entry), keep)
	}
	edge.Partial(keep)
	g.To = Tree{Size: edge.Size(), Root: edge.Root()}
	if g.To.Signed, err = l.sign(g.To.Size, g.To.Root); err != nil {
		return err
	}
	if err := l.o.Storage.Integrate(ctx, g); err != nil {
		return fmt.Errorf("integrate: %w", err)
	}
	l.tree, l.known, l.edge = &g.To, g.To, edge
	return nil
}
