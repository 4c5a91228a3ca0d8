package hostile_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
)

// lost is what a finder or thief still holds after the citizen has enrolled
// again: session, passkey, wallet, and the agencies' grants.
type lost struct {
	*person
	transfer *transfer
	login    session
	token    string // of that login
}

// lostControls: park enrols, receives a card, grants a use, loses the phone and
// enrols again.
var lostControls = []control{
	{"a dashboard before the loss", func(t *testing.T, w *world) answer {
		p := w.newPerson(t, "resident-10")
		l := &lost{person: p, transfer: w.transfer(t, p)}
		var given tokenResponse
		l.login, given = w.login(t, p.watcher)
		l.token, w.lost = given.Access, l
		return as(t, p.watcher, http.MethodGet, w.hub+"/me", "", "")
	}, 200},
	{"an enrolment after it", func(t *testing.T, w *world) answer {
		letter, err := w.Letter(t.Context(), "resident-10", true)
		if err != nil {
			t.Fatal(err)
		}
		again := citizen.New(w.hub, "resident-10, new phone")
		if err := again.Enrol(t.Context(), letter.Code); err != nil {
			t.Fatal(err)
		}
		return as(t, again, http.MethodGet, w.hub+"/me", "", "")
	}, 200},
}

func losses() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world, l *lost) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer { return try(t, w, w.lost) }})
	}
	for _, path := range []string{"/me", "/me/consents", "/me/history", "/me/passkeys"} {
		add("it shows "+path+" to no session from before", 401, "signed_out", func(t *testing.T, w *world, l *lost) answer {
			return as(t, l.watcher, http.MethodGet, w.hub+path, "", "")
		})
	}
	add("it lets nobody in by the lost passkey", 400, "assertion", func(t *testing.T, w *world, l *lost) answer {
		c := w.burglar(l.person)
		return as(t, c, http.MethodPost, w.hub+"/login/finish", jsonType, says(t, w, c, options(t, c, w.hub+"/login/options", "{}")).body(t))
	})
	add("it has no further token for a grant from before", 400, "invalid_grant", func(t *testing.T, w *world, l *lost) answer {
		return w.redeem(t, l.transfer.dpop, l.transfer.refresh(t, w))
	})
	add("it takes no login's token from before", 401, "invalid_token", func(t *testing.T, w *world, l *lost) answer {
		return get(t, w.hub+"/userinfo", bearer(t, l.login.dpop, "GET", w.hub+"/userinfo", l.token)...)
	})
	add("it commits to no use of a grant from before", 409, "paused", func(t *testing.T, w *world, l *lost) answer {
		return postJOSE(t, w.hub+"/agency/commits", w.commit(t, l.transfer, 1))
	})
	add("it releases nothing for a token from before", 409, "paused", func(t *testing.T, w *world, l *lost) answer {
		return w.release(t, l.transfer, l.transfer.Access, nil)
	})
	list = append(list, attempt{name: "it finds the card from before revoked", status: 400, code: "rejected", check: "status", try: func(t *testing.T, w *world) answer {
		l := w.lost
		for end := time.Now().Add(15 * time.Second); ; time.Sleep(500 * time.Millisecond) { // a verifier keeps a status list for seconds
			q := w.questionFor(t, l.person)
			a := q.answered(t, map[string][]string{q.Needed[0]: {w.presentationOf(t, l.person, q)}})
			if a.status != http.StatusOK || time.Now().After(end) {
				return a
			}
		}
	}})
	return list
}
