package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// Signal is what the hub says happened to a grant. Nothing in it is personal.
type Signal = signal.Signal

// SignalKind is what happened; ignore a kind that you do not know.
type SignalKind = signal.Kind

// The kinds of signals.
const (
	GrantGranted     = signal.GrantGranted
	GrantDenied      = signal.GrantDenied
	GrantCancelled   = signal.GrantCancelled
	GrantWithdrawn   = signal.GrantWithdrawn
	GrantPaused      = signal.GrantPaused
	GrantResumed     = signal.GrantResumed
	GrantExpired     = signal.GrantExpired
	GrantSuperseded  = signal.GrantSuperseded
	GrantInvalidated = signal.GrantInvalidated
	GrantConsumed    = signal.GrantConsumed
	UseReceived      = signal.UseReceived
	DeliveryReady    = signal.DeliveryReady
	DeletionDue      = signal.DeletionDue
)

// signalsKept is how long a jti is remembered: longer than the hub tries.
const signalsKept = 30 * 24 * time.Hour

// maxMissing bounds the numbers that are remembered as missing.
const maxMissing = 1000

// SignalsConfig is what Signals needs. Trust, Keys and Journal have no default.
type SignalsConfig struct {
	Trust   Trust
	Keys    Keys
	Journal Journal // the one of Provider and Consumer

	// Provider and Consumer, where you have one, take what concerns them: a
	// consumer asks no more under a grant that is over, a provider drops what it
	// keeps for one.
	Provider *Provider
	Consumer *Consumer
	// Handle hears of each signal, in order. With an error it comes again: be
	// ready for the same one twice, by its ID.
	Handle func(ctx context.Context, s Signal) error
	// Gap hears that the hub has numbered signals, from first to last, that did
	// not come. They may come later, or never: look at the grants yourself.
	Gap func(first, last int64)

	// Logger gets identifiers, never claims; slog.Default() when nil.
	Logger *slog.Logger
	// AllowLoopback is for development alone: plain http to this machine.
	AllowLoopback bool
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Signals takes what the hub tells an agency: mount it (RFC 8935) at the address
// that your catalogue entry names as signals, or call Poll (RFC 8936), or both. It
// is an http.Handler, safe for use at once, in one process for each journal.
type Signals struct {
	config SignalsConfig
	net    *network
	mu     sync.Mutex
}

// NewSignals checks the configuration.
func NewSignals(c SignalsConfig) (*Signals, error) {
	if err := c.Keys.complete(); err != nil {
		return nil, fmt.Errorf("signals: %w", err)
	}
	switch {
	case c.Trust.Issuer == "":
		return nil, errors.New("signals: Trust is empty: see LoadTrust")
	case c.Journal == nil:
		return nil, errors.New("signals: Journal is nil: see OpenFileJournal")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	net := newNetwork(c.AllowLoopback)
	if err := net.allowed(c.Trust.Issuer); err != nil {
		return nil, fmt.Errorf("signals: hub: %w", err)
	}
	return &Signals{config: c, net: net}, nil
}

// ServeHTTP takes a pushed token (RFC 8935, 2): 202 once it is dealt with, 400
// with the reason where it is none for us, 503 where it shall come again.
func (s *Signals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, signal.MaxToken))
	if err == nil && kind != signal.MediaType {
		err = errors.New("send " + signal.MediaType)
	}
	if err != nil {
		s.fault(w, r, &signal.Error{Check: "request", Cause: err.Error(), Mender: signal.MenderHub, Code: signal.CodeRequest})
		return
	}
	if err := s.take(r.Context(), string(raw)); err != nil {
		s.fault(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// fault is RFC 8935, 2.3.
func (s *Signals) fault(w http.ResponseWriter, r *http.Request, err error) {
	s.config.Logger.WarnContext(r.Context(), "signal not taken", "error", err.Error())
	refused, ok := errors.AsType[*signal.Error](err)
	if !ok {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Language", "en")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(signal.Fault{Code: refused.Code, Description: refused.Check + ": " + refused.Cause})
}

// take opens a token and deals with it, once.
func (s *Signals) take(ctx context.Context, token string) error {
	one, err := s.open(token)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.config.Journal.Get(ctx, "signal", one.ID)
	known := err == nil
	if err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	at, err := kept[heard](ctx, s.config.Journal, "signals", s.config.Trust.Issuer)
	if err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	next, first, err := at.after(one.Seq, known)
	if err != nil {
		return err
	}
	if !known {
		if err := s.act(ctx, one); err != nil {
			return fmt.Errorf("signal %s: %w", one.ID, err)
		}
	}
	if first > 0 { // said before it is kept: twice rather than never
		s.config.Logger.WarnContext(ctx, "signals are missing", "first", first, "last", one.Seq-1)
		if s.config.Gap != nil {
			s.config.Gap(first, one.Seq-1)
		}
	}
	return s.remember(ctx, one, next)
}

// act has everybody concerned react.
func (s *Signals) act(ctx context.Context, one Signal) error {
	var all []error
	if s.config.Consumer != nil {
		all = append(all, s.config.Consumer.heard(ctx, one))
	}
	if s.config.Provider != nil {
		all = append(all, s.config.Provider.heard(ctx, one))
	}
	if s.config.Handle != nil {
		all = append(all, s.config.Handle(ctx, one))
	}
	return errors.Join(all...)
}

func (s *Signals) remember(ctx context.Context, one Signal, at heard) error {
	for _, row := range []struct {
		kind, key string
		value     any
		until     time.Time
	}{
		{"signal", one.ID, one.Seq, s.config.Now().Add(signalsKept)},
		{"signals", s.config.Trust.Issuer, at, time.Time{}},
	} {
		e, err := entry(row.kind, row.key, row.value, row.until)
		if err != nil {
			return err
		}
		if err := s.config.Journal.Put(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// heard is how far a hub's numbers came, and what is missing before that.
type heard struct {
	Last    int64   `json:"last"`
	Missing []int64 `json:"missing,omitempty"`
}

// after is what is heard with one more number. first is that of a new gap before
// it. A number that was another signal's is refused: the hub counts anew.
func (h heard) after(seq int64, known bool) (next heard, first int64, err error) {
	next = heard{h.Last, slices.Clone(h.Missing)}
	switch at, missing := slices.BinarySearch(h.Missing, seq); {
	case seq > h.Last:
		if seq > h.Last+1 {
			first = h.Last + 1
		}
		for n := max(h.Last+1, seq-maxMissing); n < seq; n++ {
			next.Missing = append(next.Missing, n)
		}
		next.Missing = next.Missing[max(0, len(next.Missing)-maxMissing):]
		next.Last = seq
	case missing:
		next.Missing = slices.Delete(next.Missing, at, at+1)
	case known:
	default:
		return h, 0, &signal.Error{Check: "seq", Mender: signal.MenderHub, Code: signal.CodeRequest, Cause: "its number was another signal's"}
	}
	return next, first, nil
}

// Missing are the numbers that the hub gave and that did not come.
func (s *Signals) Missing(ctx context.Context) ([]int64, error) {
	at, err := kept[heard](ctx, s.config.Journal, "signals", s.config.Trust.Issuer)
	if errors.Is(err, ErrAbsent) {
		err = nil
	}
	return at.Missing, err
}
