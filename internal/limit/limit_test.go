package limit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func networks(t *testing.T, list string) []netip.Prefix {
	t.Helper()
	p, err := ParsePrefixes(list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParsePrefixes(t *testing.T) {
	for _, tt := range []struct {
		list string
		want string
	}{
		{"", "[]"},
		{"192.0.2.7", "[192.0.2.7/32]"},
		{" 192.0.2.7/24 , 2001:db8::/32", "[192.0.2.0/24 2001:db8::/32]"},
		{"::ffff:192.0.2.7", "[192.0.2.7/32]"},
		{"example.org", ""},
		{"192.0.2.0/33", ""},
		{"fe80::1%eth0", ""},
	} {
		got, err := ParsePrefixes(tt.list)
		if (err != nil) != (tt.want == "") || err == nil && fmt.Sprint(got) != tt.want {
			t.Errorf("%q: %v, %v", tt.list, got, err)
		}
	}
}

func TestSender(t *testing.T) {
	proxies := networks(t, "10.0.0.0/8,2001:db8:ffff::/48")
	for _, tt := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"it is the peer", "192.0.2.1:4711", nil, "192.0.2.1"},
		{"it believes no stranger", "192.0.2.1:4711", []string{"198.51.100.1"}, "192.0.2.1"},
		{"it believes a proxy", "10.0.0.1:4711", []string{"198.51.100.1"}, "198.51.100.1"},
		{"it believes no word that a proxy passed on", "10.0.0.1:4711", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"it goes through several proxies", "10.0.0.1:4711", []string{"203.0.113.9, 198.51.100.1, 10.2.3.4"}, "198.51.100.1"},
		{"it reads several fields as one", "10.0.0.1:4711", []string{"203.0.113.9", "198.51.100.1", "10.2.3.4"}, "198.51.100.1"},
		{"it stops at what it cannot read", "10.0.0.1:4711", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"it reads an address with its port", "10.0.0.1:4711", []string{"198.51.100.1:99"}, "198.51.100.1"},
		{"it reads IPv6 in brackets", "[2001:db8:ffff::1]:4711", []string{"[2001:db8::7]:99"}, "2001:db8::7"},
		{"it reads IPv6 without", "10.0.0.1:4711", []string{"2001:db8::7"}, "2001:db8::7"},
		{"it unmaps IPv4", "[::ffff:10.0.0.1]:4711", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"it drops a zone", "[fe80::1%eth0]:4711", nil, "fe80::1"},
		{"it stays with the proxy that says nothing", "10.0.0.1:4711", nil, "10.0.0.1"},
		{"it is nobody on the service's own socket", "@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-For"] = tt.forwarded
			if got := Sender(r, proxies).String(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	if a, b := Network(netip.MustParseAddr("2001:db8::1")), Network(netip.MustParseAddr("2001:db8::ffff:1")); a != b {
		t.Errorf("one subscriber's addresses count apart: %s, %s", a, b)
	}
}

func FuzzSender(f *testing.F) {
	f.Add("10.0.0.1:1", "198.51.100.1, [2001:db8::1]:2")
	f.Add("@", ",,,")
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		at := Sender(r, proxies)
		if direct := Sender(r, nil); !within(proxies, direct) && at != direct {
			t.Errorf("%q spoke for %s", forwarded, at)
		}
		if at.IsValid() {
			_ = Network(at)
		}
	})
}

func ask(l *Limits, from string) (context.Context, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = from
	return l.Admit(r)
}

func TestAdmit(t *testing.T) {
	now := time.Now()
	l := New(Options{Rate: 2, Factor: 10, Trusted: networks(t, "192.0.2.9"), Now: func() time.Time { return now }})
	count := func(from string) (n int) {
		for range 200 {
			if _, err := ask(l, from); err == nil {
				n++
			} else if e, ok := errors.AsType[*Exceeded](err); !ok || e.RetryAfter() <= 0 {
				t.Fatalf("%v", err)
			}
		}
		return n
	}
	for _, tt := range []struct {
		name, from string
		want       int
	}{
		{"it serves a burst", "192.0.2.1:1", 8},
		{"it serves no more, from whatever port", "192.0.2.1:2", 0},
		{"it serves others", "192.0.2.2:1", 8},
		{"it counts a /64 as one", "[2001:db8::1]:1", 8},
		{"it counts a /64 as one, again", "[2001:db8::2]:1", 0},
		{"it serves named addresses more", "192.0.2.9:1", 80},
		{"it does not count the service's own socket", "@", 200},
	} {
		if got := count(tt.from); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	now = now.Add(time.Second)
	if got := count("192.0.2.1:1"); got != 2 {
		t.Errorf("after a second: %d, want 2", got)
	}
	now = now.Add(-time.Hour) // the clock is set back
	if got := count("192.0.2.1:1"); got > 8 {
		t.Errorf("after the clock was set back: %d", got)
	}
	now = now.Add(2 * time.Hour)
	if got := count("192.0.2.1:1"); got != 8 {
		t.Errorf("after the clock was set right: %d, want 8", got)
	}
}

func TestRecent(t *testing.T) {
	r := newRecent(100, func() *atomic.Int32 { return new(atomic.Int32) })
	for n := range 10_000 {
		r.get("the same").Add(1)
		r.get(fmt.Sprint(n))
		if held := len(r.now) + len(r.old); held > 201 {
			t.Fatalf("%d are held", held)
		}
	}
	if n := r.get("the same").Load(); n != 10_000 {
		t.Errorf("who comes again was forgotten: %d", n)
	}
}

// broken is a store that cannot answer.
type broken struct{ Memory }

func (*broken) SpendWindow(context.Context, string, time.Time, time.Time, int64) (int64, error) {
	return 0, errors.New("the disk is full")
}

func TestTake(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 30, 0, time.UTC)
	store := new(Memory)
	options := Options{Store: store, Factor: 3, Trusted: networks(t, "192.0.2.9"), Now: func() time.Time { return now },
		Budgets: map[string]Budget{"work": {Limit: 100, Window: time.Minute}, "guess": {Limit: 4, Window: time.Minute, Guess: true}}}
	here := func(l *Limits, from string) context.Context {
		ctx, err := ask(l, from)
		if err != nil {
			t.Fatal(err)
		}
		return ctx
	}
	spend := func(l *Limits, from, budget, whom string) (n int) {
		for range 1000 {
			err := l.Take(here(l, from), budget, whom)
			if e, ok := errors.AsType[*Exceeded](err); ok {
				if e.RetryAfter() != 30*time.Second {
					t.Errorf("retry after %s", e.RetryAfter())
				}
				return n
			} else if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	one, two := New(options), New(options)
	want := func(what string, got, want int) {
		t.Helper()
		if got > want || got < want*9/10 { // a batch may be lost at a border of two limits
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	want("an address", spend(one, "192.0.2.1:1", "work", ""), 100)
	want("the same at another replica", spend(two, "192.0.2.1:1", "work", ""), 0)
	want("another address", spend(two, "192.0.2.2:1", "work", ""), 100)
	want("a name", spend(one, "192.0.2.1:1", "work", "client"), 100)
	want("the same name from another address", spend(two, "192.0.2.3:1", "work", "client"), 0)
	want("the same name from a named address", spend(two, "192.0.2.9:1", "work", "client"), 200)
	want("a named address", spend(one, "192.0.2.9:1", "work", ""), 300)
	want("a named address that guesses", spend(one, "192.0.2.9:1", "guess", ""), 4)
	want("the service's own socket", spend(one, "@", "work", ""), 1000)

	ctx := here(one, "192.0.2.1:1")
	for range 20 { // what was right is given back, and costs nothing
		if err := one.Take(ctx, "guess", ""); err != nil {
			t.Fatal(err)
		}
		one.Return(ctx, "guess", "")
	}
	want("after right answers", spend(one, "192.0.2.1:1", "guess", ""), 4)
	one.Return(ctx, "guess", "")
	now = now.Add(time.Minute)
	want("the next window", spend(one, "192.0.2.1:1", "guess", ""), 4)
	one.Return(ctx, "guess", "")
	want("given back after the end", spend(one, "192.0.2.1:1", "guess", ""), 1)
	now = now.Add(-time.Minute)
	want("the window before, after the clock was set back", spend(New(options), "192.0.2.1:1", "guess", ""), 0)

	options.Store = new(broken)
	if err := New(options).Take(ctx, "guess", ""); err == nil {
		t.Error("a store that cannot answer let pass")
	}
	waiting := New(options)
	_, row, _ := waiting.find(ctx, "guess", "")
	waiting.claims.get(row).turn <- struct{}{} // somebody else is at it
	late, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if err := waiting.Take(late, "guess", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	waiting.Return(late, "guess", "")
	if name := rowName("guess", "address", "192.0.2.1"); len(name) != len("guess ")+22 {
		t.Errorf("a row is named %q", name)
	}
}

// TestTakeAtOnce: replicas together never give more than there is, and give
// nearly all of it.
func TestTakeAtOnce(t *testing.T) {
	options := Options{Store: new(Memory), Budgets: map[string]Budget{"work": {Limit: 640, Window: time.Hour}}}
	var given atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		l := New(options)
		ctx, _ := ask(l, "192.0.2.1:1")
		for range 4 {
			all.Go(func() {
				for range 300 {
					if l.Take(ctx, "work", "") == nil {
						given.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if n := given.Load(); n != 640 {
		t.Errorf("%d were given, want 640", n)
	}
}

func TestMemory(t *testing.T) {
	m := new(Memory)
	at := time.Now().Truncate(time.Minute)
	for n := range most + 10 {
		if sum, err := m.SpendWindow(t.Context(), fmt.Sprint(n), at, at.Add(time.Minute), 1); sum != 1 || err != nil {
			t.Fatal(sum, err)
		}
	}
	if len(m.windows) > most {
		t.Errorf("%d windows are kept", len(m.windows))
	}
	_, _ = m.SpendWindow(t.Context(), "later", at.Add(time.Hour), at.Add(2*time.Hour), 1)
	if len(m.windows) != 1 {
		t.Errorf("%d windows are kept of an hour ago", len(m.windows)-1)
	}
}
