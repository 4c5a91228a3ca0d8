package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/jcs"
)

// Journal keeps what an agency must not forget: which uses it released, which
// passkey histories it has seen, which keys belong to which grant.
//
// When Create, Put or Delete returns nil, the change is durable: it survives a
// crash of the process and of the machine. When it returns another error than
// the ones named here, the change may or may not have been kept; the caller
// stops, and tries again later with the same values. All methods may run at
// once, also from several processes where the implementation says so.
type Journal interface {
	// Create keeps a new entry. ErrExists: the kind and key are taken; of two
	// at once exactly one wins.
	Create(ctx context.Context, e Entry) error
	// Put keeps an entry in place of an earlier one, or a new one.
	Put(ctx context.Context, e Entry) error
	// Get finds an entry that has not run out. ErrAbsent: there is none.
	Get(ctx context.Context, kind, key string) (Entry, error)
	// Delete forgets an entry. ErrAbsent: there is none. Of two at once
	// exactly one wins: a value used once is deleted, then used.
	Delete(ctx context.Context, kind, key string) error
	// List is all entries of a kind, oldest first.
	List(ctx context.Context, kind string) ([]Entry, error)
}

// SameDeleter is what a Journal that several processes share offers beside it.
type SameDeleter interface {
	// DeleteSame forgets an entry that still has this value, in one step. ErrAbsent:
	// there is none, or it has another by now.
	DeleteSame(ctx context.Context, e Entry) error
}

// deleteSame forgets what still is as it was read. A journal of one process needs
// no more than Delete: the lock of the grant is held.
func deleteSame(ctx context.Context, j Journal, was Entry) error {
	if shared, ok := j.(SameDeleter); ok {
		return shared.DeleteSame(ctx, was)
	}
	return j.Delete(ctx, was.Kind, was.Key)
}

// Entry is one thing kept. An entry whose Until has passed counts as absent.
type Entry struct {
	Kind  string          `json:"kind"`
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value,omitempty"`
	Until time.Time       `json:"until,omitzero"` // zero: kept until deleted
}

// What a Journal answers.
var (
	ErrExists = errors.New("journal: already there")
	ErrAbsent = errors.New("journal: not there")
)

// kept decodes an entry's value.
func kept[T any](ctx context.Context, j Journal, kind, key string) (T, error) {
	var v T
	e, err := j.Get(ctx, kind, key)
	if err != nil {
		return v, err
	}
	return v, jcs.Unmarshal(e.Value, &v)
}

// entry encodes a value.
func entry(kind, key string, v any, until time.Time) (Entry, error) {
	raw, err := json.Marshal(v)
	return Entry{Kind: kind, Key: key, Value: raw, Until: until}, err
}
