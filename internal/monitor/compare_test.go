package monitor_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

func TestStatusLists(t *testing.T) {
	good, revoked, other := make([]byte, 64), append(make([]byte, 63), 1), append(make([]byte, 63), 2)
	start := func(t *testing.T) (*world, *issuer) {
		w := newWorld(t)
		i := newIssuer(t, func() time.Time { return w.at })
		w.options.Lists = monitor.Served{Client: &statuslist.Client{Development: true}}
		w.open()
		w.hub.add(t, i.says(t, 1, good))
		expect(t, w.round())
		return w, i
	}
	t.Run("it takes a new content before its leaf, for a while", func(t *testing.T) {
		w, i := start(t)
		i.serve(revoked, false)
		expect(t, w.round())
		w.hub.add(t, i.says(t, 2, revoked))
		w.at = w.at.Add(time.Hour)
		expect(t, w.round())
	})
	t.Run("it finds a content that the log never gets", func(t *testing.T) {
		w, i := start(t)
		i.serve(revoked, false)
		expect(t, w.round())
		w.open()
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "says nothing") {
			t.Errorf("told %+v", w.told)
		}
	})
	t.Run("it finds a list that hides a revocation", func(t *testing.T) {
		w, i := start(t)
		w.hub.add(t, i.says(t, 3, revoked), i.says(t, 2, other)) // in any order
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "before version 3") {
			t.Errorf("told %+v", w.told)
		}
		i.serve(revoked, false)
		expect(t, w.round())
	})
	t.Run("it finds a list out of reach", func(t *testing.T) {
		w, i := start(t)
		i.serve(good, true)
		expect(t, w.round(), audit.Unreadable)
	})
	t.Run("it finds two contents of one version", func(t *testing.T) {
		w, i := start(t)
		w.hub.add(t, i.says(t, 1, revoked))
		expect(t, w.round(), audit.Unsaid)
	})
	t.Run("it finds a list whose signer nobody vouches for", func(t *testing.T) {
		w, _ := start(t)
		w.options.Lists = monitor.Served{Client: &statuslist.Client{Development: true}, Roots: x509.NewCertPool()}
		w.open()
		expect(t, w.round(), audit.StatusList)
	})
	t.Run("it finds a list that nobody's certificate comes with", func(t *testing.T) {
		w, i := start(t)
		i.mu.Lock()
		i.chain = nil
		i.mu.Unlock()
		expect(t, w.round(), audit.StatusList)
		i.mu.Lock()
		i.chain = [][]byte{[]byte("no certificate")}
		i.mu.Unlock()
		expect(t, w.round(), audit.StatusList)
	})
	t.Run("it finds an old content whose leaf came late", func(t *testing.T) {
		w, i := start(t)
		i.serve(other, false)
		w.hub.add(t, i.says(t, 3, revoked), i.says(t, 2, other))
		w.at = w.at.Add(2 * time.Minute)
		expect(t, w.round(), audit.StatusList)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "before version 3") {
			t.Errorf("told %+v", w.told)
		}
	})
	t.Run("it keeps no more lists than it is bound to", func(t *testing.T) {
		w, i := start(t)
		w.options.Lists = nil
		w.open()
		var all [][]byte
		uri := i.uri
		for n := range 4096 {
			i.uri = fmt.Sprint(uri, n)
			all = append(all, i.says(t, 1, good))
		}
		w.hub.add(t, all...)
		expect(t, w.round(), audit.Unsaid)
		if report, err := w.monitor.Round(t.Context()); err != nil || report.Lists != 4096 {
			t.Errorf("%d lists, %v", report.Lists, err)
		}
	})
	t.Run("it reaches no private network", func(t *testing.T) {
		w, _ := start(t)
		w.options.Lists = monitor.Served{Client: &statuslist.Client{}}
		w.open()
		expect(t, w.round(), audit.StatusList)
		if !strings.Contains(w.told[0].Detail, "not https") {
			t.Errorf("told %+v", w.told)
		}
	})
}

func TestAnchors(t *testing.T) {
	start := func(t *testing.T) (*world, *ledger) {
		w, l := newWorld(t), &ledger{}
		w.options.Anchors, w.options.Within = l, 10*time.Minute
		w.open()
		w.hub.add(t, entries(0, 300)...)
		expect(t, w.round())
		return w, l
	}
	t.Run("it takes a log that rests, anchored", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		for range 3 {
			w.at = w.at.Add(time.Hour)
			expect(t, w.round())
		}
	})
	t.Run("it finds that nothing was anchored", func(t *testing.T) {
		w, _ := start(t)
		w.at = w.at.Add(11 * time.Minute)
		expect(t, w.round(), audit.Missed)
	})
	t.Run("it finds an anchor that lags", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		expect(t, w.round())
		w.at = w.at.Add(time.Hour)
		w.hub.add(t, entries(300, 310)...)
		expect(t, w.round())
		w.at = w.at.Add(6 * time.Minute)
		w.hub.add(t, entries(310, 320)...)
		expect(t, w.round())
		w.open()
		w.at = w.at.Add(6 * time.Minute)
		expect(t, w.round(), audit.Missed)
		l.take(t, w.hub)
		expect(t, w.round())
	})
	t.Run("it finds an anchor of another log", func(t *testing.T) {
		w, l := start(t)
		other := w.operator.hub(t)
		other.add(t, entries(1000, 1200)...)
		l.take(t, other)
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds a log set back behind its anchor", func(t *testing.T) {
		w, l := start(t)
		l.anchor = monitor.Anchor{Origin: "hub.example/log", Size: 500, Root: tlog.Hash{1}}
		expect(t, w.round()) // may be newer than the checkpoint just read
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds an anchor that does not verify", func(t *testing.T) {
		w, l := start(t)
		l.err = fmt.Errorf("%w: signature", monitor.ErrUnproven)
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it finds an anchor of another origin", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		l.anchor.Origin = "other.example"
		expect(t, w.round(), audit.Anchor)
	})
	t.Run("it does not call an anchor another's while the log is out of reach", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		w.hub.add(t, entries(300, 600)...)
		expect(t, w.round())
		w.lie(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
			if strings.HasPrefix(r.URL.Path, "/log/tile/") {
				http.Error(rw, "no", http.StatusBadGateway)
				return
			}
			next.ServeHTTP(rw, r)
		})
		expect(t, w.round(), audit.Unreadable)
		w.lie(nil)
		expect(t, w.round())
	})
	t.Run("it misses no anchor that nobody promised", func(t *testing.T) {
		w, _ := start(t)
		w.options.Within = 0
		w.open()
		w.at = w.at.Add(24 * time.Hour)
		expect(t, w.round())
	})
	t.Run("it does not call what is anchored missed while anchors are out of reach", func(t *testing.T) {
		w, l := start(t)
		l.take(t, w.hub)
		expect(t, w.round())
		w.at, l.err = w.at.Add(24*time.Hour), errors.New("no route")
		w.open()
		expect(t, w.round(), audit.Unreadable) // a log that rests
		w.hub.add(t, entries(300, 310)...)
		expect(t, w.round(), audit.Unreadable) // and one that grew just now
		w.at = w.at.Add(11 * time.Minute)
		expect(t, w.round(), audit.Unreadable, audit.Missed)
	})
	t.Run("it finds anchors out of reach", func(t *testing.T) {
		w, l := start(t)
		l.err = errors.New("no route")
		expect(t, w.round(), audit.Unreadable)
	})
}
