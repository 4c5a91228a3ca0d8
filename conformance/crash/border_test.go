package crash

import (
	"slices"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
)

// A border lies between two durable steps of different processes: one request of
// the story. caller is the process that makes it, "" for a person.
type border struct{ step, at, method, path, caller string }

var borders = []border{
	{"enrol", stage.IDP, "POST", "/enrol/options", ""},
	{"enrol", stage.IDP, "POST", "/enrol/finish", ""},
	{"log in", stage.IDP, "POST", "/login/options", ""},
	{"log in", stage.IDP, "POST", "/login/finish", ""},
	{"take a card", stage.IDP, "POST", "/me/credentials/offer", ""},
	{"take a card", stage.IDP, "POST", "/token", stage.Wallet},
	{"take a card", stage.IDP, "POST", "/nonce", stage.Wallet},
	{"take a card", stage.IDP, "POST", "/credential", stage.Wallet},
	{"take a card", stage.IDP, "POST", "/notification", stage.Wallet},
	{"take a card", stage.Wallet, "POST", "/accept", ""},
	{"show the card", stage.Verifier, "POST", "/requests", ""},
	{"show the card", stage.Verifier, "POST", "/request/*", stage.Wallet},
	{"show the card", stage.Verifier, "POST", "/response/*", stage.Wallet},
	{"show the card", stage.Wallet, "POST", "/answer", ""},
	{"be asked", stage.IDP, "POST", "/par", stage.Licence},
	{"be asked", stage.Licence, "POST", "/renew", ""},
	{"be asked", stage.IDP, "GET", "/authorize", ""},
	{"be asked", stage.IDP, "GET", "/authorize/callback", ""},
	{"be asked", stage.IDP, "POST", "/token", stage.Licence},
	{"be asked", stage.Licence, "GET", "/callback", ""},
	{"approve", stage.IDP, "POST", "/approval/*/options", ""},
	{"approve", stage.IDP, "POST", "/approval/*/finish", ""},
	{"let it be used", stage.IDP, "GET", "/authorize/callback", ""},
	{"let it be used", stage.IDP, "POST", "/token", stage.Licence},
	{"let it be used", stage.IDP, "POST", "/agency/commits", stage.Insurer},
	{"let it be used", stage.Insurer, "POST", "/release", stage.Licence},
	{"let it be used", stage.IDP, "POST", "/agency/received", stage.Licence},
	{"let it be used", stage.Witness(1), "POST", "/add-checkpoint", stage.IDP},
	{"let it be used", stage.Licence, "GET", "/callback", ""},
	{"let it be used again", stage.IDP, "POST", "/token", stage.Licence},
	{"let it be used again", stage.IDP, "POST", "/agency/commits", stage.Insurer},
	{"let it be used again", stage.Insurer, "POST", "/release", stage.Licence},
	{"let it be used again", stage.IDP, "POST", "/agency/received", stage.Licence},
	{"let it be used again", stage.Licence, "POST", "/renewal/*/again", ""},
	{"withdraw", stage.IDP, "POST", "/me/consents/*/withdraw", ""},
	{"withdraw", stage.Witness(2), "POST", "/add-checkpoint", stage.IDP},
}

// A way to fall at a border.
type way struct {
	name     string
	answered bool // after the request was carried out
	caller   bool // it is the caller who falls
}

var ways = []way{
	{"when a request was carried out, and nobody heard of it", true, false},
	{"when the caller falls at the answer", true, true},
	{"before a request arrives", false, false},
	{"when the caller falls after asking", false, true},
}

// snares at all borders, for one way to fall.
func snares(how way) (all []snare) {
	for _, b := range borders {
		s := snare{at: b.at, method: b.method, path: b.path, step: b.step, answered: how.answered, victim: b.at}
		if how.caller {
			s.victim = b.caller
		}
		if s.victim != "" {
			all = append(all, s)
		}
	}
	return all
}

// atBorders walks once while somebody falls at every border, one border after
// the other.
func (w *world) atBorders(how way) {
	w.Helper()
	k, laid := w.newWalk(), snares(how)
	for i, s := range story {
		for _, trap := range laid {
			if trap.step == s.name {
				w.gates.lay(trap)
			}
		}
		k.take(s)
		for round := 0; !w.gates.sprung(time.Second); round++ {
			if round == 5 {
				w.Fatalf("%s: no request came that ought to kill somebody: %+v", s.name, w.gates.left())
			}
			// A fall may have led the citizen round a border: once more.
			k.startOver(i)
		}
		k.risen()
		k.check()
	}
	w.Logf("%s: %d borders, asked anew %d times", how.name, len(laid), k.anew)
}

// startOver comes to a step again, from another browser.
func (k *walk) startOver(to int) {
	k.Helper()
	k.take(step{"log in once more", (*walk).login})
	first := slices.IndexFunc(story, func(s step) bool { return s.name == "be asked" })
	for _, s := range story[min(first, to):to] {
		k.take(step{s.name + " once more", s.do})
	}
	k.take(story[to])
}
