package credential

import "context"

// Commit is what becomes durable at once.
type Commit struct {
	ID     string   // of the operation: an idempotency key
	Digest [32]byte // of the request; a known ID with another digest is refused
	Issue  []Issued
	Revoke []string // ids of credentials
	Lists  []List   // changed: Version is the one before the change
	Leaves [][]byte
}

// List is a status list: what is taken and what is revoked.
type List struct {
	ID      string
	Version int64 // 0: new
	Bits    int
	Size    int
	Taken   int
	Data    []byte // the bit array
}

// Store keeps issued credentials and status lists.
//
// Commit: nil means this or an earlier commit with this ID is durable, whole.
// ErrConflict: a list changed or an index was taken meanwhile, nothing was
// written; reload and try again. Any other error: outcome unknown; retry the
// same ID. All methods may be called concurrently.
type Store interface {
	Commit(ctx context.Context, c Commit) error
	Credential(ctx context.Context, id string) (Issued, error) // ErrUnknown
	CredentialsOf(ctx context.Context, citizen string) ([]Issued, error)
	List(ctx context.Context, id string) (List, error) // ErrUnknown
	Lists(ctx context.Context) ([]List, error)         // without Data
}
