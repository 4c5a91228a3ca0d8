package speed_test

import (
	"net/http"
	"strings"
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

// turns has the hub and the floor walk a flow by turns. prepare makes what a walk
// needs; its time is nobody's.
func (w *world) turns(p prescribed, prepare func() (walk func())) {
	b := w.b
	ledger := newLedger(b, w.Path("idp.db"))
	exchanges := w.least(ledger, prepare)
	for _, e := range exchanges {
		ops := p[place(e)]
		e.Verifies, e.Signs = ops[0], ops[1]
		b.Log(e)
	}
	f := newFloor(b, ledger.schema(), exchanges)
	for range 5 {
		f.walk()
		prepare()()
	}
	n, began, ground := 0, w.hub(), spent(b, f.pid)
	var aside time.Duration
	for b.Loop() {
		before := w.hub()
		walk := prepare()
		aside += w.hub() - before
		walk()
		f.walk()
		n++
	}
	hub, floor := w.hub()-began-aside, spent(b, f.pid)-ground
	b.ReportMetric(float64(hub.Microseconds())/float64(n), "cpu-µs")
	b.ReportMetric(float64(floor.Microseconds())/float64(n), "floor-µs")
	b.ReportMetric(float64(hub)/float64(floor), "x-floor")
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
	phone := wallet.New(config)
	w.turns(prescribed{
		"/token":        {1, 1}, // proof; access token
		"/credential":   {3, 1}, // access token, proof, key's proof; credential
		"/notification": {2, 0}, // access token, proof
	}, func() func() {
		link, code, err := w.Offer(b.Context())
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
	c := newClient(w)
	w.turns(prescribed{
		"/par":   {2, 0}, // client assertion, proof
		"/token": {2, 2}, // the same; access token, id_token
	}, func() func() {
		return func() {
			back, err := w.Authorize(b.Context(), c.push())
			must(b, err)
			c.redeem(back.Query())
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
	}, func() func() {
		return func() {
			page, err := w.Ask(b.Context(), w.URL(stage.Licence))
			must(b, err)
			to, err := w.Sign(b.Context(), page)
			must(b, err)
			if _, err = w.Do(b.Context(), http.MethodGet, to, "", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
