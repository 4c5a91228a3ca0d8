package sequencer

import (
	"context"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

var (
	// ErrMoved says that another writer moved the tree: read it again.
	ErrMoved = errors.New("the log's tree was moved by another writer")
	// ErrNone says that there is no such row.
	ErrNone = errors.New("not in the log's storage")
)

// Leaf is an entry of a durable commit.
type Leaf struct {
	Commit   string
	Position int64
	Entry    []byte
}

// Tree is a tree head and the checkpoint signed for it, not yet cosigned.
type Tree struct {
	Size   int64
	Root   tlog.Hash
	Signed []byte
}

// TileRow is a hash tile and its hashes, concatenated.
type TileRow struct {
	Tile tlog.Tile
	Data []byte
}

// Group is one step of the tree: these leaves, in this order, at the indexes
// From.Size and on, and the tiles that changed.
type Group struct {
	From, To Tree
	Leaves   []Leaf
	Tiles    []TileRow
}

// Published is a cosigned checkpoint.
type Published struct {
	Size int64
	Root tlog.Hash
	Note []byte
	At   time.Time
}

// Lease says which replica gives leaves their places, and until when: by the
// holder's clock, in whole milliseconds. Each holder has an epoch of its own,
// from 1.
type Lease struct {
	Holder  string
	Epoch   int64
	Expires time.Time
}

// Storage keeps the log. Reads see every write that returned nil; all methods
// may run at once, also from several processes.
type Storage interface {
	Anchors
	// Pending gives leaves without a place, oldest first, at most limit.
	Pending(ctx context.Context, limit int) ([]Leaf, error)
	// Waiting counts leaves without a place and says since when the oldest
	// waits; the zero time when there is none.
	Waiting(ctx context.Context) (leaves int64, since time.Time, err error)
	// Tree gives the tree as last integrated; ErrNone before the first.
	Tree(ctx context.Context) (Tree, error)
	// Integrate makes a group durable, whole. nil: it is. ErrMoved: the tree
	// is not at From, or a leaf has a place already; nothing is written. A
	// From without Signed creates the tree. Any other error: outcome unknown.
	Integrate(ctx context.Context, g Group) error
	// Tile gives a hash tile or an entry bundle of the integrated tree, cut to
	// the width asked for; ErrNone when it is not so wide.
	Tile(ctx context.Context, t tlog.Tile) ([]byte, error)
	// Index gives the first place of a leaf in the integrated tree, or ErrNone.
	Index(ctx context.Context, leaf tlog.Hash) (int64, error)
	// Publish keeps a cosigned checkpoint. nil: it is durable, or one of the
	// same size and root was. ErrMoved: the size has another root, or a
	// greater size is published. Any other error: outcome unknown.
	Publish(ctx context.Context, p Published) error
	// Published gives the greatest published checkpoint, or ErrNone.
	Published(ctx context.Context) (Published, error)
	// Lease gives the lease as last taken; ErrNone before the first.
	Lease(ctx context.Context) (Lease, error)
	// Take replaces one lease by another; a from without Epoch makes the first.
	// nil: it is durable. ErrMoved: the lease is not from; nothing is written.
	// Any other error: outcome unknown.
	Take(ctx context.Context, from, to Lease) error
}
