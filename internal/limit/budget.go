package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// Budget is how much there is in a window. The budget of a guess is never
// raised: who guesses from a trusted address guesses as well as anybody.
type Budget struct {
	Limit  int64
	Window time.Duration
	Guess  bool
}

// The names of the budgets.
const (
	PAR        = "par"        // pushed authorization requests of a client, or of an address for a public client
	OAuth      = "oauth"      // refused requests at the machine endpoints, of an address
	Client     = "client"     // refused grants of a client that has proven who it is
	TxCode     = "tx_code"    // wrong pre-authorized and transaction codes, of an address
	UserCode   = "user_code"  // wrong codes of devices, of an address
	Login      = "login"      // logins begun, of an address
	LoginFail  = "login_fail" // answers of passkeys that were not accepted, of an address
	Credential = "credential" // credentials issued to a citizen
	Question   = "question"   // questions that a verifier's page asks, of an address
	Anchor     = "anchor"     // proofs of anchors that were brought, of an address
)

// Budgets are the defaults. An address may be an office or a whole network of
// phones behind one router: they stop floods, not people.
func Budgets() map[string]Budget {
	return map[string]Budget{
		PAR:        {3000, time.Minute, false},
		OAuth:      {600, 5 * time.Minute, false},
		Client:     {600, 5 * time.Minute, false},
		TxCode:     {30, 15 * time.Minute, true},
		UserCode:   {30, 15 * time.Minute, true},
		Login:      {600, time.Minute, true},
		LoginFail:  {100, 15 * time.Minute, true},
		Credential: {30, time.Hour, false},
		Question:   {120, time.Minute, false},
		Anchor:     {60, time.Minute, false},
	}
}

// Store keeps what was spent. Calls may run concurrently, from any replica.
type Store interface {
	// SpendWindow adds n to what was spent under a name in the window that
	// begins then, and answers the sum; durable when it returns nil.
	SpendWindow(ctx context.Context, name string, begins, ends time.Time, n int64) (int64, error)
	// SweepWindows forgets windows that ended before then.
	SweepWindows(ctx context.Context, then time.Time) error
}

// Options of Limits.
type Options struct {
	Store   Store
	Budgets map[string]Budget // Budgets() when nil
	Rate    int               // requests a second of one address; 0: no limit
	Proxies []netip.Prefix    // whose X-Forwarded-For is believed
	Trusted []netip.Prefix    // addresses whose limits are multiplied by Factor
	Factor  int
	Now     func() time.Time
}

// Limits is safe for concurrent use.
type Limits struct {
	Options
	buckets, trusted *recent[*rate.Limiter]
	claims           *recent[*claim]
}

// remembered is how many addresses or names are kept in memory, twice at most.
const remembered = 20_000

// New fills in what is not given.
func New(o Options) *Limits {
	if o.Budgets == nil {
		o.Budgets = Budgets()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Factor = max(o.Factor, 1)
	return &Limits{
		Options: o,
		buckets: newRecent(remembered, bucket(o.Rate, 1)),
		trusted: newRecent(remembered, bucket(o.Rate, o.Factor)),
		claims:  newRecent(remembered, func() *claim { return &claim{turn: make(chan struct{}, 1)} }),
	}
}

func (l *Limits) now() time.Time { return l.Now() }

// claim is what this replica took out of a row and has not given to anybody.
type claim struct {
	turn   chan struct{} // holds one while somebody changes the claim
	begins time.Time
	left   int64
	batch  int64 // taken last; it doubles, so that a restart loses little
	empty  int64 // the row has no more for a limit up to this one
}

// Take spends one from a budget of whom, "" being the sender of the request
// (unless he came by the service's own socket). *Exceeded: there is none left.
func (l *Limits) Take(ctx context.Context, budget, whom string) error {
	b, row, ok := l.find(ctx, budget, whom)
	if !ok {
		return nil
	}
	now := l.now()
	begins := now.Truncate(b.Window)
	ends := begins.Add(b.Window)
	c, err := l.claim(ctx, row)
	if err != nil {
		return err
	}
	defer func() { <-c.turn }()
	if !c.begins.Equal(begins) {
		c.begins, c.left, c.batch, c.empty = begins, 0, 0, 0
	}
	if c.left <= 0 && b.Limit > c.empty {
		batch := max(1, min(2*c.batch, b.Limit/32))
		sum, err := l.Store.SpendWindow(ctx, row, begins, ends, batch)
		if err != nil {
			return fmt.Errorf("budget %s: %w", budget, err)
		}
		c.batch = batch
		if c.left = min(batch, b.Limit-(sum-batch)); c.left <= 0 {
			c.empty = b.Limit
		}
	}
	if c.left <= 0 {
		return &Exceeded{budget, ends.Sub(now)}
	}
	c.left--
	return nil
}

// Return gives back one that was taken and not used up. It stays with this
// replica: the row is not written again for it.
func (l *Limits) Return(ctx context.Context, budget, whom string) {
	b, row, ok := l.find(ctx, budget, whom)
	if !ok {
		return
	}
	c, err := l.claim(ctx, row)
	if err != nil {
		return // who asked is gone: his unit stays spent
	}
	defer func() { <-c.turn }()
	if c.begins.Equal(l.now().Truncate(b.Window)) {
		c.left = max(c.left, 0) + 1
	}
}

// claim waits for its turn no longer than the request may.
func (l *Limits) claim(ctx context.Context, row string) (*claim, error) {
	c := l.claims.get(row)
	select {
	case c.turn <- struct{}{}:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// find is a budget with the name of its row; false where nobody is charged.
func (l *Limits) find(ctx context.Context, budget, whom string) (Budget, string, bool) {
	b, ok := l.Budgets[budget]
	if !ok {
		panic("limit: no budget " + budget)
	}
	at := From(ctx)
	if b.Limit <= 0 || whom == "" && !at.IsValid() {
		return b, "", false
	}
	kind := "name"
	if whom == "" {
		kind, whom = "address", Network(at)
	}
	if !b.Guess && within(l.Trusted, at) {
		b.Limit *= int64(l.Factor)
	}
	return b, rowName(budget, kind, whom), true
}

// rowName holds no address and no name: a digest, of a fixed length.
func rowName(budget, kind, whom string) string {
	h := sha256.New()
	io.WriteString(h, "mydata/limit/v1\x00"+kind+"\x00"+whom)
	return budget + " " + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// kept is how long a window outlives its end, so that a clock that is set back
// finds it again.
const kept = 2 * time.Hour

// Sweep forgets windows that are over; call it now and then.
func (l *Limits) Sweep(ctx context.Context) error {
	return l.Store.SweepWindows(ctx, l.now().Add(-kept))
}
