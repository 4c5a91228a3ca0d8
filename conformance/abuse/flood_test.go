package abuse_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
)

// tight are limits of a deployment's order: a stranger has a few requests a
// second, and the agencies' own machine more.
var tight = map[string][]string{
	stage.IDP:      {"--rate", "25", "--connections", "24", "--trusted-addresses", "127.0.0.1", "--trusted-factor", "20"},
	stage.Verifier: {"--rate", "25", "--connections", "24"},
}

// strangers is how many addresses flood at once; each has its own kind of flood.
const strangers = 16

func (w *world) floods() []ask {
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	script := []string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-origin"}
	junk := strings.Repeat("x", 60<<10)
	forged := "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJ4In0." + strings.Repeat("A", 86)
	return []ask{
		{name: "pages", method: "GET", path: "/login"},
		{name: "logins that are begun", method: "POST", path: "/login/options", header: script, body: "{}"},
		{name: "logins that are wrong", method: "POST", path: "/login/finish", header: script, body: `{"credential":{}}`},
		{name: "letters' codes", method: "POST", path: "/enrol/options", header: script, body: `{"code":"ABCD-EFGH-JKLM"}`},
		{name: "forged sessions", method: "GET", path: "/me", header: []string{"Cookie", "mydata_idp_session=forged"}},
		{name: "codes", method: "POST", path: "/token", header: form,
			body: url.Values{"grant_type": {"authorization_code"}, "client_id": {"demo-wallet"}, "code": {"x"}, "redirect_uri": {"http://localhost/"}, "code_verifier": {strings.Repeat("x", 43)}}.Encode()},
		{name: "transaction codes", method: "POST", path: "/token", header: form,
			body: url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:pre-authorized_code"}, "pre-authorized_code": {"x.y"}, "tx_code": {"000000"}}.Encode()},
		{name: "client assertions", method: "POST", path: "/par", header: form,
			body: url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {forged}}.Encode()},
		{name: "pushed requests", method: "POST", path: "/par", header: form,
			body: url.Values{"client_id": {"demo-wallet"}, "response_type": {"code"}, "scope": {"resident_card"}, "redirect_uri": {w.URL(stage.Wallet) + "/callback"},
				"code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"S256"}}.Encode()},
		{name: "forged access tokens", method: "POST", path: "/credential", header: []string{"Content-Type", "application/json", "Authorization", "DPoP " + forged}, body: "{}"},
		{name: "forged commits", method: "POST", path: "/agency/commits", header: []string{"Content-Type", "application/jose"}, body: forged},
		{name: "large bodies", method: "POST", path: "/token", header: form, body: "grant_type=" + junk},
		{name: "bodies that are too large", method: "POST", path: "/token", header: form, body: "grant_type=" + junk + junk},
		{name: "compressed bodies", method: "POST", path: "/credential", header: []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, body: junk},
		{name: "large headers", method: "GET", path: "/", header: []string{"X-Bomb", junk}},
		{name: "readiness", method: "GET", path: "/readyz"},
	}
}

// TestFlood floods every door from many addresses, with bombs between, while one
// citizen logs in, takes cards, proves them, grants and withdraws: all of it
// succeeds.
func TestFlood(t *testing.T) {
	w := newWorld(t, stage.Options{Flags: tight})
	defer w.tail(t, stage.IDP)
	lasting := 8 * time.Second
	if figure.Soak() {
		lasting = 5 * time.Minute
	}
	ctx, stop := context.WithTimeout(t.Context(), lasting)
	defer stop()
	var all sync.WaitGroup
	floods := w.floods()
	tallies := make([]tally, len(floods)+1)
	for n, a := range floods {
		for range 2 { // connections of each
			all.Go(func() { tallies[n].flood(ctx, from(fmt.Sprintf("127.0.1.%d", n%strangers+1)), w.hub, a) })
		}
	}
	question := ask{name: "a verifier's questions", method: "POST", path: "/requests",
		header: []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, body: "ask=age"}
	all.Go(func() { tallies[len(floods)].flood(ctx, from("127.0.1.1"), w.verifier, question) })
	all.Go(func() { w.silence(ctx) })
	exploded := make(chan []error, 1)
	go func() { exploded <- w.explode(t.Context()) }()
	good := w.goodLife(t, ctx)
	stop()
	all.Wait()
	for _, err := range <-exploded {
		t.Error(err)
	}
	limited := 0
	for n, a := range append(floods, question) {
		tallies[n].judge(t, a)
		if tallies[n].limited.Load() > 0 {
			limited++
		}
	}
	if limited < len(floods)/2 {
		t.Errorf("only %d kinds of flood met a limit", limited)
	}
	t.Logf("%d rounds of good requests, each of login, card, proof, grant, use and withdrawal", good)
	if good < 1 {
		t.Errorf("only %d rounds of good requests in %s", good, lasting)
	}
	w.backToWork(t)
	short := 0
	for _, b := range bombs {
		if !b.long {
			short++
		}
	}
	figure.Hold(t, "floods", len(floods)+2+short, "kinds of flood, bomb and silence during which every good request succeeded")
}

// goodLife does over and over what a citizen does, and counts the rounds.
func (w *world) goodLife(t *testing.T, ctx context.Context) (rounds int) {
	t.Helper()
	for ctx.Err() == nil {
		var grant string
		for _, step := range []struct {
			name string
			do   func() error
		}{
			{"it logs in", func() error { w.kim.Forget(); return w.kim.Login(t.Context()) }},
			{"it takes a card", func() error { _, err := w.kim.Receive(t.Context(), w.wallet); return err }},
			{"it proves it", func() error {
				status, err := w.kim.Prove(t.Context(), w.verifier, w.wallet)
				if err == nil && status != "verified" {
					err = fmt.Errorf("status %s", status)
				}
				return err
			}},
			{"it grants", func() (err error) { grant, err = w.kim.Renew(t.Context(), w.licence); return err }},
			{"it is used again", func() error { return w.kim.Again(t.Context(), w.licence, grant) }},
			{"it withdraws", func() error {
				if err := w.kim.Withdraw(t.Context(), grant); err != nil && !citizen.Refused(err, http.StatusConflict) {
					return err // its two uses may have ended it
				}
				return nil
			}},
		} {
			if err := step.do(); err != nil {
				t.Errorf("during the flood, round %d, %s: %v", rounds+1, step.name, err)
				return rounds
			}
		}
		rounds++
	}
	return rounds
}

// A tally counts what a flood was answered.
type tally struct {
	sent, limited, refused, broken atomic.Int64
	wrong                          atomic.Pointer[string] // an answer that no flood may have
}

func (c *tally) flood(ctx context.Context, client *http.Client, base string, a ask) {
	for ctx.Err() == nil {
		got, err := send(ctx, client, base, a)
		c.sent.Add(1)
		switch {
		case err != nil:
			c.broken.Add(1) // ended without an answer, as some may be
		case got.status == http.StatusRequestHeaderFieldsTooLarge:
			c.limited.Add(1) // before it was read, and the connection with it
		case got.status == http.StatusTooManyRequests:
			c.limited.Add(1)
			if got.header.Get("Retry-After") == "" {
				c.say("429 without Retry-After")
			}
		case got.status >= 500:
			c.say(fmt.Sprintf("%d %.300s", got.status, got.body))
		default:
			c.refused.Add(1)
		}
		time.Sleep(time.Millisecond) // a bounded loop
	}
}

func (c *tally) say(what string) { c.wrong.CompareAndSwap(nil, &what) }

// judge: a flood gets no fault, and from some point on 429, or 431 all along.
func (c *tally) judge(t *testing.T, a ask) {
	t.Helper()
	if wrong := c.wrong.Load(); wrong != nil {
		t.Errorf("a flood of %s was answered %s", a.name, *wrong)
	}
	if c.sent.Load() < 20 {
		t.Errorf("a flood of %s was only %d", a.name, c.sent.Load())
	}
	if c.limited.Load() == 0 && c.sent.Load() > 500 { // fewer are within what anybody may
		t.Errorf("a flood of %d %s met no limit", c.sent.Load(), a.name)
	}
	t.Logf("%s: %d sent, %d limited, %d refused, %d ended", a.name, c.sent.Load(), c.limited.Load(), c.refused.Load(), c.broken.Load())
}

// silence opens as many connections as it gets, from many addresses, and says
// next to nothing on them.
func (w *world) silence(ctx context.Context) {
	for ctx.Err() == nil {
		for n := range strangers {
			for range 40 {
				c, err := dialFrom(ctx, fmt.Sprintf("127.0.2.%d", n+1), w.Addr(stage.IDP))
				if err != nil {
					continue
				}
				_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")) // it never goes on
				context.AfterFunc(ctx, func() { c.Close() })
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}
