package speed_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
)

// prescribed is what the protocols ask of a request at a place: signatures that are
// checked, and made.
type prescribed map[string][2]int

// place is the end of the path that names no one thing: /token, /options.
func place(e *exchange) string {
	path, _, _ := strings.Cut(e.Path, "?")
	return path[strings.LastIndexByte(path, '/'):]
}

// turns has the hub and the floor walk a flow by turns, each time all citizens at
// once: the hub's log is published for all of them together. prepare makes what a
// walk needs; its time is nobody's.
func (w *world) turns(p prescribed, prepare func(person) (walk func())) {
	b := w.b
	ledger := newLedger(b, w.Path("idp.db"))
	exchanges := w.least(ledger, func() func() { return prepare(w.people[0]) })
	for _, e := range exchanges {
		ops := p[place(e)]
		e.Verifies, e.Signs = ops[0], ops[1]
		b.Log(e)
	}
	f := newFloor(b, ledger.schema(), exchanges)
	began, ground, n := time.Duration(0), time.Duration(0), 0
	var aside time.Duration
	turn := func() {
		before := w.hub()
		walks := make([]func(), len(w.people))
		for i, one := range w.people {
			walks[i] = prepare(one)
		}
		aside += w.hub() - before
		together(walks)
		for i := range walks {
			walks[i] = f.walk
		}
		together(walks)
	}
	for range 2 { // all connections are made, all that is kept is there
		turn()
	}
	aside, began, ground = 0, w.hub(), spent(b, f.pid)
	for b.Loop() {
		turn()
		n += len(w.people)
	}
	hub, floor := w.hub()-began-aside, spent(b, f.pid)-ground
	b.ReportMetric(float64(hub.Microseconds())/float64(n), "cpu-µs")
	b.ReportMetric(float64(floor.Microseconds())/float64(n), "floor-µs")
	b.ReportMetric(float64(hub)/float64(floor), "x-floor")
}

func together(walks []func()) {
	var all sync.WaitGroup
	for _, walk := range walks {
		all.Go(walk)
	}
	all.Wait()
}

// least walks the flow some times: the fewest commits of each request are its own,
// the rest were of something in the background.
func (w *world) least(l *ledger, prepare func() func()) (exchanges []*exchange) {
	for i := range 6 {
		walk := prepare()
		seen := w.wire.during(l.around, walk)
		if i == 0 { // the first of its kind is not as the others
			continue
		}
		if exchanges == nil {
			exchanges = seen
		}
		if len(seen) != len(exchanges) {
			w.b.Fatalf("%d requests, then %d", len(exchanges), len(seen))
		}
		for i, e := range seen {
			if len(e.Commits) < len(exchanges[i].Commits) {
				exchanges[i] = e
			}
		}
	}
	return exchanges
}

// BenchmarkPreAuthorized is a card by a pre-authorized code, from the wallet's look
// at the offer to its notification: metadata of issuer and server with it, as a
// wallet that was never here asks for them.
func BenchmarkPreAuthorized(b *testing.B) {
	w := newWorld(b)
	config, err := citizen.WalletConfig(w.Path("trust"), w.URL(stage.Wallet))
	must(b, err)
	w.turns(prescribed{
		"/token":        {1, 1}, // proof; access token
		"/credential":   {3, 1}, // access token, proof, key's proof; credential
		"/notification": {2, 0}, // access token, proof
	}, func(one person) func() {
		phone := wallet.New(config)
		link, code, err := one.Offer(b.Context())
		must(b, err)
		return func() {
			offered, err := phone.ReadOffer(b.Context(), link)
			must(b, err)
			_, err = phone.Accept(b.Context(), offered, strings.ReplaceAll(code, " ", ""))
			must(b, err)
		}
	})
}

// BenchmarkCode is a code flow as FAPI 2.0 has it: pushed request, private_key_jwt,
// DPoP, a citizen who is signed in, id_token and access token.
func BenchmarkCode(b *testing.B) {
	w := newWorld(b)
	registered(w)
	w.turns(prescribed{
		"/par":   {2, 0}, // client assertion, proof
		"/token": {2, 2}, // the same; access token, id_token
	}, func(one person) func() {
		return func() {
			back, err := one.Authorize(b.Context(), one.client.push())
			must(b, err)
			one.client.redeem(back.Query())
		}
	})
}

// BenchmarkGrant is a consent through the pages: an agency pushes its signed request,
// the citizen, who is signed in, reads the page, signs with the passkey, and is sent
// back with a code. The agency's redemption of it is no part of it.
func BenchmarkGrant(b *testing.B) {
	w := newWorld(b)
	w.turns(prescribed{
		"/par":    {3, 0}, // client assertion, proof, the signed request
		"/finish": {3, 0}, // the passkey's assertion, two officers' orders
	}, func(one person) func() {
		return func() {
			page, err := one.Ask(b.Context(), w.URL(stage.Licence))
			must(b, err)
			to, err := one.Sign(b.Context(), page)
			must(b, err)
			if _, err = one.Do(b.Context(), http.MethodGet, to, "", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
