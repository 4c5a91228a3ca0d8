package notify_test

import (
	"context"
	"crypto"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/signal"
)

const ada = "ada"

var quiet = slog.New(slog.DiscardHandler)

// agency takes pushes, and may be told to fail.
type agency struct {
	*httptest.Server
	mu    sync.Mutex
	id    string
	trust consent.Trust
	now   func() time.Time
	fail  func(n int, w http.ResponseWriter) bool // n counts pushes from 1
	n     int
	took  []signal.Signal
	times []string // jti of each push, taken or not
}

func (a *agency) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	s, err := signal.Open(string(raw), signal.Expected{Issuer: a.trust.Issuer, Audience: a.id, Keys: a.trust.HubKeys, Now: a.now()})
	if err != nil || r.Header.Get("Content-Type") != signal.MediaType {
		http.Error(w, "unexpected", http.StatusTeapot)
		return
	}
	a.n++
	a.times = append(a.times, s.ID)
	if a.fail != nil && a.fail(a.n, w) {
		return
	}
	a.took = append(a.took, s)
	w.WriteHeader(http.StatusAccepted)
}

func (a *agency) kinds() (all []signal.Kind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.took {
		all = append(all, s.Kind)
	}
	return all
}

// hub is a ledger over SQLite, a notifier, and two agencies that listen.
type hub struct {
	*testing.T
	*consenttest.World
	db        *store.DB
	outbox    notify.Outbox
	passkey   *consenttest.Passkey
	agencies  map[string]*agency
	endpoints map[string]string
	heard     []string
	mu        sync.Mutex
}

func newHub(t *testing.T) *hub {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"))
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(t.Context()))
	h := &hub{T: t, World: consenttest.New(), db: db, outbox: db.Signals(), agencies: map[string]*agency{}, endpoints: map[string]string{}}
	h.Ledger.Store = db.Consents()
	h.passkey = h.People.Enrol(ada)
	for _, id := range []string{h.Provider.ID, h.Consumer.ID} {
		a := &agency{id: id, trust: h.Trust, now: h.Now}
		a.Server = httptest.NewServer(a)
		t.Cleanup(a.Close)
		h.agencies[id], h.endpoints[id] = a, a.URL+"/signals"
	}
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hub) notifier(bend ...func(*notify.Options)) *notify.Notifier {
	h.Helper()
	o := notify.Options{
		Outbox: h.outbox, Issuer: consenttest.Issuer, Now: h.Now, Loopback: true, Logger: quiet,
		Key:      func() (crypto.Signer, string) { return h.Ledger.Key() },
		Endpoint: func(id string) string { return h.endpoints[id] },
		Observe: func(what string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.heard = append(h.heard, what)
		},
	}
	for _, b := range bend {
		b(&o)
	}
	n, err := notify.New(o)
	must(h.T, err)
	return n
}

func (h *hub) count(what string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, heard := range h.heard {
		if heard == what {
			n++
		}
	}
	return n
}

func (h *hub) withdraw(r consent.Record) {
	h.Helper()
	_, err := h.Ledger.Withdraw(h.Context(), r.Grant, ada)
	must(h.T, err)
}

//clause:signals RFC 8935, 2.1 and 2.2: pushed with its media type, taken by 202
func TestWithdrawalReachesBothAgencies(t *testing.T) {
	h := newHub(t)
	n := h.notifier()
	r := h.Granted(t.Context(), ada, h.passkey)
	h.withdraw(r)
	must(t, n.Round(t.Context()))
	want := map[string][]signal.Kind{
		h.Consumer.ID: {signal.GrantGranted, signal.GrantWithdrawn}, h.Provider.ID: {signal.GrantWithdrawn},
	}
	for id, kinds := range want {
		a := h.agencies[id]
		if !slices.Equal(a.kinds(), kinds) {
			t.Errorf("%s heard %v", id, a.kinds())
		}
		for i, s := range a.took {
			if s.Seq != int64(i+1) || s.Grant != string(r.Grant) || s.Audience != id {
				t.Errorf("signal %d: %+v", i, s)
			}
		}
	}
	must(t, n.Round(t.Context()))
	if got := h.agencies[h.Provider.ID].n; got != 1 {
		t.Errorf("pushed %d times what was taken once", got)
	}
	if h.count(notify.Delivered) != 3 {
		t.Errorf("observed %v", h.heard)
	}
}

//clause:signals RFC 8417, 2.2: one jti for one token, however often it is sent
func TestPushTriesAgainInOrder(t *testing.T) {
	h := newHub(t)
	n := h.notifier()
	a := h.agencies[h.Consumer.ID]
	a.fail = func(n int, w http.ResponseWriter) bool {
		if n <= 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n <= 3
	}
	h.withdraw(h.Granted(t.Context(), ada, h.passkey))
	for range 5 {
		must(t, n.Round(t.Context()))
		must(t, n.Round(t.Context())) // not before its time
		h.Pass(10 * time.Second)
	}
	if want := []signal.Kind{signal.GrantGranted, signal.GrantWithdrawn}; !slices.Equal(a.kinds(), want) {
		t.Errorf("heard %v", a.kinds())
	}
	if len(a.times) != 5 || a.times[0] != a.times[3] {
		t.Errorf("a retry has another jti, or comes too early: %v", a.times)
	}
	if h.count(notify.Retried) != 3 {
		t.Errorf("observed %v", h.heard)
	}
}

func TestPushWaitsAsLongAsItIsAsked(t *testing.T) {
	h := newHub(t)
	n := h.notifier()
	a := h.agencies[h.Provider.ID]
	a.fail = func(n int, w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", "600")
		if n == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 1
	}
	h.withdraw(h.Granted(t.Context(), ada, h.passkey))
	for range 9 {
		must(t, n.Round(t.Context()))
		h.Pass(time.Minute)
	}
	if len(a.times) != 1 {
		t.Errorf("pushed %d times within ten minutes", len(a.times))
	}
	h.Pass(2 * time.Minute)
	must(t, n.Round(t.Context()))
	if len(a.took) != 1 {
		t.Errorf("taken %d times after ten minutes", len(a.took))
	}
}

//clause:signals RFC 8935, 2.3 and 2.4: refused by 400 with a code
func TestDeadLetters(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		rounds int
		pause  time.Duration
		dead   int
	}{
		{"it puts aside what nobody took for a week", 503, "", 10, 20 * time.Hour, 1},
		{"it puts aside what is refused five times as no token", 400, `{"err":"invalid_request"}`, 5, 2 * time.Hour, 1},
		{"it keeps what is refused for a key that may come", 400, `{"err":"invalid_key"}`, 7, 2 * time.Hour, 0},
		{"it keeps what is refused in other words", 400, `invalid_request`, 7, 2 * time.Hour, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub(t)
			n := h.notifier()
			a := h.agencies[h.Provider.ID]
			a.fail = func(_ int, w http.ResponseWriter) bool {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
				return true
			}
			h.withdraw(h.Granted(t.Context(), ada, h.passkey))
			for range tt.rounds {
				must(t, n.Round(t.Context()))
				h.Pass(tt.pause)
			}
			if h.count(notify.Dead) != tt.dead {
				t.Errorf("%d dead: %v", h.count(notify.Dead), h.heard)
			}
			waiting, err := h.outbox.Waiting(t.Context(), h.Provider.ID, 10)
			must(t, err)
			if len(waiting) != 1-tt.dead {
				t.Errorf("waiting: %+v", waiting)
			}
		})
	}
}

// Who was away, and on coming back refuses once, has not refused five times.
func TestBeingAwayIsNoRefusal(t *testing.T) {
	h := newHub(t)
	n := h.notifier()
	a := h.agencies[h.Provider.ID]
	a.fail = func(push int, w http.ResponseWriter) bool {
		switch {
		case push <= 6:
			w.WriteHeader(http.StatusBadGateway)
		case push <= 10:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"err":"invalid_request"}`)
		}
		return push <= 10
	}
	h.withdraw(h.Granted(t.Context(), ada, h.passkey))
	for range 11 {
		must(t, n.Round(t.Context()))
		h.Pass(2 * time.Hour)
	}
	if h.count(notify.Dead) != 0 || len(a.took) != 1 {
		t.Errorf("%d dead, %d taken: %v", h.count(notify.Dead), len(a.took), h.heard)
	}
}

func TestReplicasDoNotPushAtOnce(t *testing.T) {
	h := newHub(t)
	a := h.agencies[h.Provider.ID]
	for range 5 {
		h.withdraw(h.Granted(t.Context(), ada, h.passkey))
	}
	var group sync.WaitGroup
	for range 4 {
		n := h.notifier()
		group.Go(func() {
			for range 5 {
				if err := n.Round(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if len(a.times) != 5 {
		t.Errorf("%d pushes of 5 signals", len(a.times))
	}
	for i, s := range a.took {
		if s.Seq != int64(i+1) {
			t.Errorf("place %d: number %d", i, s.Seq)
		}
	}
}

func TestPushGoesNowhereElse(t *testing.T) {
	h := newHub(t)
	reached := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(elsewhere.Close)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(secure.Close)
	redirect := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirect.Close)
	h.withdraw(h.Granted(t.Context(), ada, h.passkey))
	var said strings.Builder
	loose := func(o *notify.Options) { o.Logger = slog.New(slog.NewTextHandler(&said, nil)) }
	strict := func(o *notify.Options) { loose(o); o.Loopback = false }
	shut := httptest.NewServer(nil)
	shut.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(broken.Close)
	for _, tt := range []struct {
		name, address, says string
		bend                func(*notify.Options)
	}{
		{"it follows no redirect", redirect.URL, "status 307", loose},
		{"it sends by no plain http", elsewhere.URL, "address not allowed: not https", strict},
		{"it sends to no loop-back", secure.URL, "prohibited", strict},
		{"it sends to no name of loop-back", "https://localhost" + secure.URL[len("https://127.0.0.1"):], "prohibited", strict},
		{"it sends to no private network", "https://10.0.0.1/", "prohibited", strict},
		{"it sends to no link-local address", "https://169.254.169.254/latest/meta-data", "prohibited", strict},
		{"it sends to no private network in development either", "https://192.168.0.1/", "prohibited", loose},
		{"it sends to no mapped address", "https://[::ffff:127.0.0.1]/", "prohibited", strict},
		{"it sends no credentials", "https://user:word@agency.example/", "address not allowed: not an address of the web", strict},
		{"it sends to no part of a page", "https://agency.example/#part", "address not allowed: not an address of the web", strict},
		{"it takes no other scheme", "file:///etc/passwd", "address not allowed: not an address of the web", strict},
		{"it takes no other scheme of a host", "gopher://agency.example/", "address not allowed: not https", strict},
		{"it says that nobody is there", shut.URL + "/secret", "connection refused", loose},
		{"it says that an answer broke off", broken.URL, "the answer broke off", loose},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			h.endpoints[h.Provider.ID], h.endpoints[h.Consumer.ID] = tt.address, ""
			h.heard = nil
			said.Reset()
			began := time.Now()
			must(t, h.notifier(tt.bend).Round(t.Context()))
			if h.count(notify.Retried) != 1 || reached {
				t.Errorf("reached %v, observed %v", reached, h.heard)
			}
			if !strings.Contains(said.String(), tt.says) || strings.Contains(said.String(), "secret") {
				t.Errorf("it says %s, want %q", said.String(), tt.says)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it took %s: the address was dialled", took)
			}
			h.Pass(2 * time.Hour)
		})
	}
}
