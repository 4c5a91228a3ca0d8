package pages_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/govmydata/mydata/conformance/citizen"
)

// addresses are of this machine: a budget of wrong codes is charged to each.
type addresses struct{ next int }

func (a *addresses) fresh(c *citizen.Citizen) {
	a.next++
	c.From(fmt.Sprintf("127.0.%d.%d", 40+a.next/200, 1+a.next%200))
}

// testGuessing: what can be learned, and how much may be tried, by somebody who
// is not who he says.
func (w *world) testGuessing(t *testing.T) {
	from := &addresses{}
	t.Run("codes", func(t *testing.T) { w.testCodes(t, from) })
	t.Run("passkeys", w.testPasskeys)
	t.Run("it lets the owner of a code in while others guess", func(t *testing.T) { w.testOwner(t, from) })
	t.Run("it lets the owner of an offer have another", func(t *testing.T) { w.testOfferOwner(t, from) })
}

// said is an answer without what is new in each: what can be learned from it.
func said(p citizen.Page) string {
	var names []string
	for name := range p.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Sprintln(p.Status, names) + correlation.ReplaceAllString(string(p.Body), "")
}

var correlation = regexp.MustCompile(`"correlation_id":"[^"]*"`)

func (w *world) tryCode(t *testing.T, c *citizen.Citizen, code string, headers ...string) citizen.Page {
	t.Helper()
	body, err := json.Marshal(map[string]string{"code": code})
	must(t, err)
	headers = append([]string{"Sec-Fetch-Site", "same-origin", "Accept", jsonType}, headers...)
	return as(t, c, http.MethodPost, w.hub+"/enrol/options", jsonType, string(body), headers...)
}

// testCodes: a code that never was, one that was used, one that a newer letter
// replaced and one that was tried five times are answered alike, as fast.
func (w *world) testCodes(t *testing.T, from *addresses) {
	ctx := t.Context()
	used, err := w.Letter(ctx, "resident-04", false)
	must(t, err)
	must(t, w.stranger("resident-04").Enrol(ctx, used.URL))
	replaced, err := w.Letter(ctx, "resident-05", false)
	must(t, err)
	_, err = w.Letter(ctx, "resident-05", false)
	must(t, err)
	spent, err := w.Letter(ctx, "resident-06", false)
	must(t, err)
	tester := w.stranger("tester")
	for range 5 {
		if p := w.tryCode(t, tester, spent.Code); p.Status != http.StatusOK {
			t.Fatalf("a good code: %d %s", p.Status, p.Body)
		}
	}
	w.alike(t, func() *citizen.Citizen {
		c := w.stranger("guesser")
		from.fresh(c)
		return c
	}, map[string]func(*citizen.Citizen) citizen.Page{
		"never was": func(c *citizen.Citizen) citizen.Page { return w.tryCode(t, c, "ABCD-EFGH-JKMN") },
		"used":      func(c *citizen.Citizen) citizen.Page { return w.tryCode(t, c, used.Code) },
		"replaced":  func(c *citizen.Citizen) citizen.Page { return w.tryCode(t, c, replaced.Code) },
		"spent":     func(c *citizen.Citizen) citizen.Page { return w.tryCode(t, c, spent.Code) },
		"no code":   func(c *citizen.Citizen) citizen.Page { return w.tryCode(t, c, "홍길동") },
	})
}

// alike holds refusals to one answer and one time. The shortest of many times is
// compared, which a busy machine does not lengthen.
func (w *world) alike(t *testing.T, browser func() *citizen.Citizen, tries map[string]func(*citizen.Citizen) citizen.Page) {
	t.Helper()
	const rounds, patience = 12, 8 * time.Millisecond
	shortest, answers := map[string]time.Duration{}, map[string]string{}
	for range rounds {
		for name, try := range tries {
			c := browser()
			get(t, c, w.hub+"/assets/mydata.css") // the connection is there
			start := time.Now()
			p := try(c)
			took := time.Since(start)
			if p.Status/100 != 4 {
				t.Fatalf("%s: %d %s", name, p.Status, p.Body)
			}
			if before, ok := shortest[name]; !ok || took < before {
				shortest[name] = took
			}
			answers[name] = said(p)
		}
	}
	for a := range tries {
		for b := range tries {
			if answers[a] != answers[b] {
				t.Errorf("%s and %s are told apart:\n%s\n%s", a, b, answers[a], answers[b])
			}
			if shortest[a]-shortest[b] > patience {
				t.Errorf("%s takes %v, %s %v", a, shortest[a], b, shortest[b])
			}
		}
	}
}

// testPasskeys: a passkey that nobody has, one of a citizen with another's
// handle, and a known one whose signature is wrong are answered alike. The
// options, which come first, are the same for everybody.
func (w *world) testPasskeys(t *testing.T) {
	real := w.kim.Phone.Keys[len(w.kim.Phone.Keys)-1]
	unknown := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	forged := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	forged.ID = real.ID
	handle := make([]byte, 32)
	_, _ = rand.Read(handle) // it does not fail
	w.alike(t, func() *citizen.Citizen { return w.stranger("guesser") }, map[string]func(*citizen.Citizen) citizen.Page{
		"nobody's passkey":               w.assertion(t, unknown, handle),
		"a known passkey, nobody's name": w.assertion(t, real, handle),
		"an unknown passkey of somebody": w.assertion(t, unknown, w.kim.Phone.Auth.Options.UserHandle),
		"a forged signature of somebody": w.assertion(t, forged, w.kim.Phone.Auth.Options.UserHandle),
	})
	t.Run("it asks everybody for a passkey in the same words", func(t *testing.T) {
		var options struct{ PublicKey map[string]any }
		must(t, w.stranger("guesser").Post(t.Context(), w.hub+"/login/options", struct{}{}, &options))
		if options.PublicKey["allowCredentials"] != nil || options.PublicKey["challenge"] == nil {
			t.Errorf("%v", options)
		}
	})
}

// assertion answers a login with some passkey under some user handle; the
// options are asked before the clock runs.
func (w *world) assertion(t *testing.T, key virtualwebauthn.Credential, handle []byte) func(*citizen.Citizen) citizen.Page {
	return func(c *citizen.Citizen) citizen.Page {
		var options json.RawMessage
		must(t, c.Post(t.Context(), w.hub+"/login/options", struct{}{}, &options))
		parsed, err := virtualwebauthn.ParseAssertionOptions(string(options))
		if err != nil {
			var wrapped struct{ PublicKey json.RawMessage }
			must(t, json.Unmarshal(options, &wrapped))
			parsed, err = virtualwebauthn.ParseAssertionOptions(string(wrapped.PublicKey))
			must(t, err)
		}
		auth := w.kim.Phone.Auth
		auth.Options.UserHandle = handle
		body, err := json.Marshal(map[string]json.RawMessage{
			"credential": json.RawMessage(virtualwebauthn.CreateAssertionResponse(w.kim.Phone.RP, auth, key, *parsed)),
		})
		must(t, err)
		return as(t, c, http.MethodPost, w.hub+"/login/finish", jsonType, string(body), "Sec-Fetch-Site", "same-origin", "Accept", jsonType)
	}
}

// testOwner: an address that guesses is stopped, whatever it says it is; the
// code and everybody else's way to it are untouched.
func (w *world) testOwner(t *testing.T, from *addresses) {
	letter, err := w.Letter(t.Context(), "resident-07", false)
	must(t, err)
	guesser := w.stranger("guesser")
	from.fresh(guesser)
	for n := range 12 {
		p := w.tryCode(t, guesser, "ABCD-EFGH-JKM"+string(rune('A'+n%8)), "X-Forwarded-For", fmt.Sprintf("10.0.0.%d", n), "Forwarded", fmt.Sprintf("for=10.0.0.%d", n))
		if stopped := p.Status == http.StatusTooManyRequests; stopped != (n >= 5) || p.Status/100 != 4 {
			t.Errorf("try %d: %d", n+1, p.Status)
		}
		if p.Status == http.StatusTooManyRequests && p.Header.Get("Retry-After") == "" {
			t.Error("it does not say how long to wait")
		}
	}
	if p := w.tryCode(t, guesser, letter.Code); p.Status != http.StatusTooManyRequests {
		t.Errorf("the right code from there: %d", p.Status)
	}
	for _, path := range []string{"/", "/login", "/enrol"} {
		if p := get(t, guesser, w.hub+path); p.Status != http.StatusOK {
			t.Errorf("%s is closed to that address: %d", path, p.Status)
		}
	}
	owner := w.stranger("resident-07")
	from.fresh(owner)
	must(t, owner.Enrol(t.Context(), letter.URL))
}

// testOfferOwner: who photographed the QR code guesses its transaction code. He
// may spoil that offer; its owner gets another one at once.
func (w *world) testOfferOwner(t *testing.T, from *addresses) {
	ctx := t.Context()
	owner := w.browser()
	must(t, owner.Login(ctx))
	link, txCode, err := owner.Offer(ctx)
	must(t, err)
	to, err := url.Parse(link)
	must(t, err)
	var offer struct {
		Grants map[string]struct {
			Code string `json:"pre-authorized_code"`
		}
	}
	must(t, owner.Get(ctx, to.Query().Get("credential_offer_uri"), &offer))
	const grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	guesser := w.stranger("guesser")
	from.fresh(guesser)
	wrong := "000000"
	if strings.ReplaceAll(txCode, " ", "") == wrong {
		wrong = "000001"
	}
	for n := range 8 {
		form := url.Values{"grant_type": {grant}, "pre-authorized_code": {offer.Grants[grant].Code}, "tx_code": {wrong}}
		if p := as(t, guesser, http.MethodPost, w.hub+"/token", formType, form.Encode()); p.Status/100 != 4 {
			t.Errorf("guess %d: %d", n+1, p.Status)
		}
	}
	if _, err := owner.Receive(ctx, w.phone); err != nil {
		t.Errorf("another offer: %v", err)
	}
}
