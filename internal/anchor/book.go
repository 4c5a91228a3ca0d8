package anchor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

var (
	// ErrContradicts says that organisations report a checkpoint committed of
	// which the log's tree knows nothing: the log was set back, or forked.
	ErrContradicts = errors.New("the anchor contradicts the log")
	// ErrTaken says that the size has another root in the book.
	ErrTaken = errors.New("this size is kept with another root")
	// ErrOrigin says that a proof is about another log.
	ErrOrigin = errors.New("the proof is about another log")
)

// Kept is a proof in the book.
type Kept struct {
	Size  int64
	Root  tlog.Hash
	Proof []byte // endorsement.Proof, as it was posted
	At    time.Time
}

// Rows keep proofs, write-once per size. All methods may run at once, also from
// several processes; reads see every Keep that returned nil.
type Rows interface {
	// Keep makes a proof durable; kept says that this call did. Another proof
	// of the same size and root is left alone, ErrTaken: the size has another
	// root. Any other error: outcome unknown, call again.
	Keep(ctx context.Context, k Kept) (kept bool, err error)
	// Dispute makes it durable that a proof contradicts the tree, whatever else is
	// kept of its size. Any error: outcome unknown, call again.
	Dispute(ctx context.Context, k Kept) error
	// Newest is the proof of the greatest size, or ErrNotFound.
	Newest(ctx context.Context) (Kept, error)
	// Of is the proof of a size, or ErrNotFound.
	Of(ctx context.Context, size int64) (Kept, error)
}

// Tree is the log as integrated, also by other processes: Size and Root are one
// tree's, and tiles of it are there. Size is 0 before the first leaf.
type Tree interface {
	Head(ctx context.Context) (size int64, root tlog.Hash, err error)
	// Beyond says since when a checkpoint of more than this size is published;
	// the zero time when none is.
	Beyond(ctx context.Context, size int64) (since time.Time, err error)
	tlog.Tiles
}

// Book is the hub's side of anchoring. It believes what a proof proves, whoever
// brings it. All methods may run at once.
type Book struct {
	Origin string
	Trust  Verifier
	Rows   Rows
	Log    Tree
	Now    func() time.Time
	Logger *slog.Logger
}

// Take checks a proof and keeps it. fresh: the book had none of this size.
//
// A proof that contradicts the tree is kept as well, also beside one of a greater
// size or of its own, which is what stops the log (sequencer.Disputed), here and in
// every other process, and after a restart; it is answered with ErrContradicts, and
// said as an error.
func (b *Book) Take(ctx context.Context, raw []byte) (size int64, fresh bool, err error) {
	proof, err := endorsement.ParseProof(raw)
	if err != nil {
		return 0, false, err
	}
	there, err := b.Trust.Verify(proof)
	if err != nil {
		return 0, false, err
	}
	if there.Origin != b.Origin {
		return 0, false, fmt.Errorf("%w: %s", ErrOrigin, there.Origin)
	}
	contradicts, err := b.contradicts(ctx, there)
	if err != nil {
		return 0, false, err
	}
	k := Kept{Size: there.Size, Root: there.Root, Proof: proof.Marshal(), At: b.Now()}
	if contradicts != nil {
		if err := b.Rows.Dispute(ctx, k); err != nil {
			return there.Size, false, fmt.Errorf("keep the anchor of size %d that contradicts: %w", there.Size, err)
		}
	}
	fresh, err = b.Rows.Keep(ctx, k)
	if errors.Is(err, ErrTaken) {
		b.Logger.ErrorContext(ctx, "two anchors of one size verify: the organisations contradict themselves", "size", there.Size, "root", there.Root.String())
	}
	if err != nil {
		return there.Size, false, fmt.Errorf("keep the anchor of size %d: %w", there.Size, err)
	}
	if contradicts != nil {
		b.Logger.ErrorContext(ctx, "anchor contradicts the log", "error", contradicts)
		return there.Size, fresh, contradicts
	}
	return there.Size, fresh, nil
}

// contradicts says whether the anchored tree is no beginning of the log's; err
// that it could not be told.
func (b *Book) contradicts(ctx context.Context, there endorsement.Anchored) (contradiction, err error) {
	size, root, err := b.Log.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	if there.Size > size {
		return fmt.Errorf("%w: size %d is anchored, the log is at %d", ErrContradicts, there.Size, size), nil
	}
	path, err := tlog.ProveConsistency(ctx, b.Log, size, root, there.Size)
	if err != nil {
		return nil, fmt.Errorf("read tiles: %w", err)
	}
	if err := tlog.CheckConsistency(path, there.Size, there.Root, size, root); err != nil {
		return fmt.Errorf("%w: at size %d root %s is anchored: %w", ErrContradicts, there.Size, there.Root, err), nil
	}
	return nil, nil
}

// Lag is how far anchoring is behind.
type Lag struct {
	Size  int64     // of the newest anchor; 0 when there is none
	At    time.Time // when its proof came
	Since time.Time // since when a published checkpoint waits for an anchor; zero: none does
}

// Lag reads how far anchoring is behind.
func (b *Book) Lag(ctx context.Context) (Lag, error) {
	k, err := b.Rows.Newest(ctx)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Lag{}, fmt.Errorf("read anchor: %w", err)
	}
	if err != nil {
		k = Kept{}
	}
	since, err := b.Log.Beyond(ctx, k.Size)
	return Lag{k.Size, k.At, since}, err
}

// Anchor implements receipt.Anchors.
func (b *Book) Anchor(ctx context.Context, size int64) (endorsement.Proof, bool, error) {
	k, err := b.Rows.Of(ctx, size)
	if errors.Is(err, ErrNotFound) {
		return endorsement.Proof{}, false, nil
	}
	if err != nil {
		return endorsement.Proof{}, false, err
	}
	p, err := endorsement.ParseProof(k.Proof)
	return p, err == nil, err
}

// Newest is the proof of the greatest size, or ErrNotFound.
func (b *Book) Newest(ctx context.Context) ([]byte, error) {
	k, err := b.Rows.Newest(ctx)
	return k.Proof, err
}

// Of is the proof of a size, or ErrNotFound.
func (b *Book) Of(ctx context.Context, size int64) ([]byte, error) {
	k, err := b.Rows.Of(ctx, size)
	return k.Proof, err
}
