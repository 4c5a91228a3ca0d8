package credential

import (
	"context"
	"time"
)

// Commit is what becomes durable at once.
type Commit struct {
	ID     string   // of the operation: an idempotency key
	Digest [32]byte // of the request; a known ID with another digest is refused
	Issue  []Issued
	// Changes of statuses; each has its list among Lists.
	Changes []Change
	Lists   []List // new, or changed: Version is the one before the change
	Leaves  [][]byte
	// Deferral that this commit ends: approved before, issued after; else
	// ErrDeferral, and nothing is written. nil: none.
	Deferral *Deferral
}

// List is a status list.
type List struct {
	ID      string
	Version int64 // 0: new
	Created time.Time
	Bits    int
	Data    []byte // the bit array; it never gets shorter
	Decoys  []byte // secret that tells its decoys; none when empty
}

// Store keeps issued credentials and status lists.
//
// Commit: nil means this or an earlier commit with this ID is durable, whole.
// ErrConflict: a list changed, an index was taken, or a credential has another
// status by now; nothing was written; reload and try again. Any other error:
// outcome unknown; retry the same ID. All methods may be called concurrently.
type Store interface {
	Commit(ctx context.Context, c Commit) error
	// Credential: ErrUnknown when there is none.
	Credential(ctx context.Context, id string) (Issued, error)
	// CredentialsOf a citizen, newest first.
	CredentialsOf(ctx context.Context, citizen string) ([]Issued, error)
	// SetAcceptance keeps what the wallet notified, the last word winning.
	SetAcceptance(ctx context.Context, id, acceptance string) error
	// List: ErrUnknown when there is none.
	List(ctx context.Context, id string) (List, error)
	// NewestList, by Created: ErrUnknown when there is none.
	NewestList(ctx context.Context) (List, error)
	// ListIDs of all lists, newest first, at most limit.
	ListIDs(ctx context.Context, limit int) ([]string, error)
	// Standing credentials, not revoked and not expired at now, by id, from the
	// one after; at most limit.
	Standing(ctx context.Context, after string, now time.Time, limit int) ([]Issued, error)
	// ChangesOf a credential, oldest first.
	ChangesOf(ctx context.Context, id string) ([]Change, error)
	// ListChanges of a list, decoys too, newest first.
	ListChanges(ctx context.Context, list string) ([]Change, error)
}

// OfferStore keeps credential offers and spent nonces.
type OfferStore interface {
	// AddOffer with Version 0.
	AddOffer(ctx context.Context, o Offer) error
	// Offer: ErrUnknown when there is none.
	Offer(ctx context.Context, id string) (Offer, error)
	// UpdateOffer writes tries and redemption and counts the version up, if
	// the stored version is still the given one; else ErrConflict.
	UpdateOffer(ctx context.Context, o Offer) error
	// SpendNonce keeps a nonce until it expires; ErrConflict: it was spent
	// before. It may forget those that expired before now.
	SpendNonce(ctx context.Context, nonce string, expires, now time.Time) error
	// EndOffers forgets the offers to a citizen that were not redeemed.
	EndOffers(ctx context.Context, citizen string) error
	// SweepOffers forgets the offers that expired before then.
	SweepOffers(ctx context.Context, then time.Time) error
}
