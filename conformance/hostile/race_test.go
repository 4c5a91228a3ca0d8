package hostile_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/govmydata/mydata/conformance/citizen"
)

// racers is how many come at once.
const racers = 8

// atOnce lets racers do the same at the same moment.
func atOnce(do func(i int) answer) []answer { return atOnceBy(racers, do) }

func atOnceBy(racers int, do func(i int) answer) []answer {
	answers := make([]answer, racers)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() {
			<-start
			answers[i] = do(i)
		})
	}
	close(start)
	group.Wait()
	return answers
}

// won holds a race to its one winner, by the winner's status, and hands back a
// loser: one that was refused in another way than most, if there is any.
func won(t *testing.T, answers []answer, status int) answer {
	t.Helper()
	var winners int
	var losers []answer
	for _, a := range answers {
		if a.status == status {
			winners++
		} else {
			losers = append(losers, a)
		}
	}
	if winners != 1 || len(losers) == 0 {
		t.Fatalf("%d of %d won: %d %s", winners, len(answers), answers[0].status, short(answers[0].body))
	}
	slices.SortStableFunc(losers, func(a, b answer) int { return b.status - a.status }) // a 5xx first
	return losers[0]
}

// races: what is good once is good for one of many that come at the same moment.
func races() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	add("it takes a client's assertion from one of many", 401, "invalid_client", func(t *testing.T, w *world) answer {
		one := w.asks.assertion(t, w)
		forms := make([]url.Values, racers)
		for i := range forms {
			forms[i] = url.Values{"client_assertion_type": {assertionType}, "client_assertion": {one}, "request": {w.asks.object(t, w, newVerifier())}}
		}
		return won(t, atOnce(func(i int) answer { return postForm(t, w.hub+"/par", forms[i]) }), 201)
	})
	add("it takes a request_uri from one of many", 400, "bad_request", func(t *testing.T, w *world) answer {
		uri := into[par](t, w.asks.pushed(t, w, w.asks.object(t, w, newVerifier()))).RequestURI
		return won(t, atOnce(func(int) answer { return get(t, w.authorizeURL(w.asks.client, uri)) }), 303)
	})
	add("it gives one code to many", 400, "bad_request", func(t *testing.T, w *world) answer {
		id := w.begun(t)
		as(t, w.kim.Citizen, http.MethodPost, w.hub+"/issuance/"+id, formType, "")
		cookies := cookie(w.kim.Citizen, w.hub)
		return won(t, atOnce(func(int) answer {
			return get(t, w.hub+"/authorize/callback?id="+url.QueryEscape(id), "Cookie", cookies)
		}), 303)
	})
	add("it takes the leave to issue from many at once without a fault", 400, "bad_request", func(t *testing.T, w *world) answer {
		id, cookies := w.begun(t), cookie(w.kim.Citizen, w.hub)
		for _, a := range atOnce(func(int) answer {
			return postForm(t, w.hub+"/issuance/"+id, nil, "Cookie", cookies, "Sec-Fetch-Site", "same-origin")
		}) {
			if a.status >= 500 || a.status == 303 && !strings.HasPrefix(a.header.Get("Location"), "/authorize/callback") {
				t.Errorf("%d %s %s", a.status, a.header.Get("Location"), a.body)
			}
		}
		return get(t, w.hub+"/authorize/callback?id="+url.QueryEscape(id))
	})
	add("it redeems a code for one of many", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		s := w.asks.coded(t, w, w.kim.Citizen)
		forms := make([]url.Values, racers)
		for i := range forms {
			forms[i] = s.form(t, w)
		}
		return won(t, atOnce(func(i int) answer { return w.redeem(t, s.dpop, forms[i]) }), 200)
	})
	add("it takes a proof from one of many", 401, "invalid_dpop_proof", func(t *testing.T, w *world) answer {
		s, given := w.login(t, w.kim.Citizen)
		headers := bearer(t, s.dpop, "GET", w.hub+"/userinfo", given.Access)
		return won(t, atOnce(func(int) answer { return get(t, w.hub+"/userinfo", headers...) }), 200)
	})
	add("it redeems an offer for one of many", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		o := w.offer(t, w.kim)
		return won(t, atOnce(func(int) answer { return w.redeem(t, newKey(t), o.form()) }), 200)
	})
	add("it counts wrong transaction codes that come at once", 400, "invalid_grant", func(t *testing.T, w *world) answer {
		o := w.offer(t, w.kim)
		atOnce(func(int) answer { return w.redeem(t, newKey(t), with(o.form(), "tx_code", "no")) })
		return w.redeem(t, newKey(t), o.form())
	})
	add("it issues one card for a nonce to many", 400, "invalid_nonce", func(t *testing.T, w *world) answer {
		i := w.issue(t, w.kim)
		body := cardRequest(i.keyProof(t, w))
		loser := won(t, atOnce(func(int) answer { return i.ask(t, w, body) }), 200)
		w.settle(t)
		return loser
	})
	add("it takes a login's answer from one of many", 400, "ceremony", func(t *testing.T, w *world) answer {
		c := w.burglar(w.kim)
		body := says(t, w, c, options(t, c, w.hub+"/login/options", "{}")).body(t)
		cookies := cookie(c, w.hub)
		return won(t, atOnce(func(int) answer { return postJSON(t, w.hub+"/login/finish", body, "Cookie", cookies) }), 200)
	})
	add("it asks an address with wrong codes that come at once to wait", 429, "too_many", func(t *testing.T, w *world) answer {
		answers := atOnce(func(int) answer {
			c := citizen.New(w.hub, "burglar")
			c.From("127.0.3.1")
			return begin(t, w, c, "AAAA-BBBB-CCCC")
		})
		looked := 0
		for _, a := range answers {
			if a.code() == "code" {
				looked++
			}
		}
		if looked > 5 {
			t.Errorf("%d codes were looked at", looked)
		}
		slices.SortFunc(answers, func(a, b answer) int { return b.status - a.status })
		return answers[0]
	})
	return list
}

// crowd is how many come at once for one use.
const crowd = 64

// transferRaces: one use is for one, and a withdrawal ends it.
func transferRaces() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	add("it takes a use from one of many commits", 409, "use_taken", func(t *testing.T, w *world) answer {
		x := w.transfer(t, w.kim)
		commits := make([]string, crowd)
		for i := range commits {
			commits[i] = w.commit(t, x, 1)
		}
		loser := won(t, atOnceBy(crowd, func(i int) answer { return postJOSE(t, w.hub+"/agency/commits", commits[i]) }), 200)
		w.settle(t)
		return loser
	})
	add("it releases a use to one of many", 409, "use_taken", func(t *testing.T, w *world) answer {
		x := w.transfer(t, w.kim)
		loser := won(t, atOnceBy(crowd, func(int) answer { return w.release(t, x, x.Access, nil) }), 200)
		w.settle(t)
		return loser
	})
	add("it commits to nothing that is withdrawn at that moment, or before it", 409, "withdrawn", func(t *testing.T, w *world) answer {
		x := w.transfer(t, w.kim)
		commit := w.commit(t, x, 1)
		answers := atOnce(func(i int) answer {
			if i > 0 {
				return postJOSE(t, w.hub+"/agency/commits", commit)
			}
			return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+x.grant+"/withdraw", jsonType, "{}")
		})
		if answers[0].status != http.StatusOK {
			t.Errorf("withdraw: %d %s", answers[0].status, answers[0].body)
		}
		for _, a := range answers[1:] {
			if a.status != http.StatusOK && a.code() != "withdrawn" {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		w.settle(t)
		return postJOSE(t, w.hub+"/agency/commits", w.commit(t, x, 2))
	})
	add("it takes yes or no, not both", 404, "gone", func(t *testing.T, w *world) answer {
		page := w.asked(t, w.kim.watcher)
		grant := undecided(t, w)
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, page+"/options", `{"claims":[]}`)).body(t)
		answers := atOnce(func(i int) answer {
			if i%2 == 0 {
				return as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, signed)
			}
			return as(t, w.kim.watcher, http.MethodPost, page+"/deny", formType, "")
		})
		for _, a := range answers {
			if a.status >= 500 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		one, err := w.kim.watcher.Consent(t.Context(), grant)
		if err != nil || one.State != "active" && one.State != "denied" {
			t.Errorf("%+v, %v", one, err)
		}
		w.settle(t)
		as(t, w.kim.watcher, http.MethodGet, w.hub+"/authorize/callback?id="+page[strings.LastIndexByte(page, '/')+1:], "", "")
		return as(t, w.kim.watcher, http.MethodPost, page+"/finish", jsonType, signed)
	})
	add("it takes an answer to a question from one of many", 410, "answered", func(t *testing.T, w *world) answer {
		q := w.question(t)
		token := map[string][]string{q.Needed[0]: {w.presentation(t, q)}}
		return won(t, atOnce(func(int) answer { return q.answered(t, token) }), 200)
	})
	add("it leaves one of two passkeys that remove each other", 409, "last_passkey", func(t *testing.T, w *world) answer {
		letter, err := w.Letter(t.Context(), "resident-09", false)
		if err != nil {
			t.Fatal(err)
		}
		c := citizen.New(w.hub, "resident-09")
		for _, step := range []func() error{func() error { return c.Enrol(t.Context(), letter.Code) }, func() error { return c.AddPasskey(t.Context()) }} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		first, second := c.Phone.Keys[0], c.Phone.Keys[1]
		other := citizen.New(w.hub, "resident-09, other phone")
		other.Phone = c.Phone // which signs with its newest
		if err := other.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		firstGoes := says(t, w, other, options(t, other, w.hub+"/me/passkeys/remove/"+citizen.ID(first)+"/options", "{}"))
		secondGoes := says(t, w, c, options(t, c, w.hub+"/me/passkeys/remove/"+citizen.ID(second)+"/options", "{}"))
		firstGoes.key, secondGoes.key = second, first
		bodies := []string{firstGoes.body(t), secondGoes.body(t)}
		browsers := []*citizen.Citizen{other, c}
		atOnce(func(i int) answer {
			return as(t, browsers[i%2], http.MethodPost, w.hub+"/me/passkeys/change", jsonType, bodies[i%2])
		})
		var left []citizen.Passkey
		var last *citizen.Citizen
		for _, c := range browsers {
			if keys, err := c.Passkeys(t.Context()); err == nil {
				left, last = keys, c
			}
		}
		if len(left) != 1 {
			t.Fatalf("%d passkeys are left", len(left))
		}
		w.settle(t)
		return as(t, last, http.MethodPost, w.hub+"/me/passkeys/remove/"+left[0].ID+"/options", jsonType, "{}")
	})
	return list
}

// undecided is the grant that waits for kim's decision: the newest.
func undecided(t *testing.T, w *world) string {
	t.Helper()
	all, err := w.kim.watcher.Consents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if one.State == "requested" {
			return one.Grant
		}
	}
	t.Fatal("nothing waits")
	return ""
}

// cookie is the Cookie field that a browser would send.
func cookie(c *citizen.Citizen, address string) string {
	var all []string
	for _, one := range c.Cookies(address) {
		all = append(all, one.Name+"="+one.Value)
	}
	return strings.Join(all, "; ")
}
