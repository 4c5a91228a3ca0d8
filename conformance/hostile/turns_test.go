package hostile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// turns of a grant that somebody makes who may not: another citizen, nobody,
// another site, an agency; or that the grant's state does not allow.
func turns() []attempt {
	return append(append(otherIDs(), states()...), cancellations()...)
}

// routes of a grant on the dashboard.
var routes = []struct{ method, path string }{
	{"GET", "/me/consents/{}/withdraw"}, {"POST", "/me/consents/{}/withdraw"}, {"POST", "/me/consents/{}/withdraw/options"}, {"GET", "/me/consents/{}/withdrawal"}, {"POST", "/me/consents/{}/pause"}, {"GET", "/me/consents/{}/resume"},
	{"POST", "/me/consents/{}/resume"}, {"POST", "/me/consents/{}/resume/options"}, {"GET", "/me/consents/{}/cancel"}, {"POST", "/me/consents/{}/cancel"},
	{"GET", "/me/history/{}/3/not-me"}, {"POST", "/me/history/{}/3/not-me"}, {"GET", "/me/history/{}/3/wrong-data"},
	{"GET", "/me/receipts/{}"}, {"GET", "/me/receipts/{}/record"}, {"GET", "/me/receipts/{}/details"}, {"GET", "/me/receipts/{}/print"},
}

func otherIDs() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	for _, r := range routes {
		kind := map[string]string{"POST": jsonType}[r.method]
		to := func(w *world, grant string) string { return w.hub + strings.ReplaceAll(r.path, "{}", grant) }
		what := r.method + " " + r.path
		add("it knows not another citizen's grant at "+what, 404, "not_found", func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, r.method, to(w, w.lee.grant), kind, map[string]string{"POST": "{}"}[r.method])
		})
		add("it lets nobody in at "+what, 401, "signed_out", func(t *testing.T, w *world) answer {
			return ask(t, r.method, to(w, w.kim.grant), map[string]string{"POST": "{}"}[r.method], "Content-Type", jsonType)
		})
		if r.method == "POST" {
			add("it takes no other site's word at "+what, 403, "cross_origin", func(t *testing.T, w *world) answer {
				return as(t, w.kim.watcher, r.method, to(w, w.kim.grant), kind, "{}", "Sec-Fetch-Site", "cross-site")
			})
		}
	}
	add("it withdraws nothing by a login's signature", 400, "assertion", func(t *testing.T, w *world) answer {
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, w.hub+"/login/options", "{}")).body(t)
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+w.kim.grant+"/withdraw/finish", jsonType, signed)
	})
	add("it withdraws nothing by another citizen's passkey", 400, "assertion", func(t *testing.T, w *world) answer {
		signed := says(t, w, w.lee.watcher, options(t, w.kim.watcher, w.hub+"/me/consents/"+w.kim.grant+"/withdraw/options", "{}")).body(t)
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+w.kim.grant+"/withdraw/finish", jsonType, signed)
	})
	add("it withdraws not another citizen's grant by one's own passkey", 404, "not_found", func(t *testing.T, w *world) answer {
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, w.hub+"/me/consents/"+w.kim.grant+"/withdraw/options", "{}")).body(t)
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+w.lee.grant+"/withdraw/finish", jsonType, signed)
	})
	add("it resumes nothing by a signature for another thing", 400, "ceremony", func(t *testing.T, w *world) answer {
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, w.hub+"/login/options", "{}")).body(t)
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+w.kim.grant+"/resume/finish", jsonType, signed)
	})
	add("it resumes nothing by another citizen's signature", 400, "assertion", func(t *testing.T, w *world) answer {
		signed := says(t, w, w.lee.watcher, options(t, w.kim.watcher, w.hub+"/me/consents/"+w.kim.grant+"/resume/options", "{}")).body(t)
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+w.kim.grant+"/resume/finish", jsonType, signed)
	})
	add("it resumes not one grant by the signature for another", 400, "ceremony", func(t *testing.T, w *world) answer {
		signed := says(t, w, w.kim.watcher, options(t, w.kim.watcher, w.hub+"/me/consents/"+w.kim.grant+"/resume/options", "{}")).body(t)
		return as(t, w.kim.watcher, http.MethodPost, w.hub+"/me/consents/"+w.kim.ended+"/resume/finish", jsonType, signed)
	})
	return list
}

// states: what is over stays over, and what lives is not what it is not.
func states() []attempt {
	var list []attempt
	at := func(name string, status int, code, method, path string, grant func(w *world) string) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			return as(t, w.kim.watcher, method, w.hub+strings.ReplaceAll(path, "{}", grant(w)), map[string]string{"POST": jsonType}[method], map[string]string{"POST": "{}"}[method])
		}})
	}
	ended, lives := func(w *world) string { return w.kim.ended }, func(w *world) string { return w.kim.grant }
	at("it pauses not what was withdrawn", 409, "over", "POST", "/me/consents/{}/pause", ended)
	at("it resumes not what was withdrawn", 409, "over", "POST", "/me/consents/{}/resume", ended)
	at("it asks not to resume what was withdrawn", 409, "over", "GET", "/me/consents/{}/resume", ended)
	at("it cancels not what was withdrawn", 409, "over", "POST", "/me/consents/{}/cancel", ended)
	at("it cancels not what was granted", 409, "over", "POST", "/me/consents/{}/cancel", lives)
	at("it asks not to cancel what was granted", 409, "over", "GET", "/me/consents/{}/cancel", lives)
	at("it asks not to resume what is not paused", 409, "over", "GET", "/me/consents/{}/resume", lives)
	for name, seq := range map[string]string{"that never was": "99", "0": "0", "-1": "-1", "beyond all numbers": "99999999999999999999", "that is a script": "%22%3E%3Chostile-mark%3E"} {
		at("it freezes nothing for an entry "+name, 404, "not_found", "POST", "/me/history/{}/"+seq+"/not-me", lives)
		at("it shows no contact for an entry "+name, 404, "not_found", "GET", "/me/history/{}/"+seq+"/wrong-data", lives)
	}
	return list
}

// cancellations attack the door at which a consumer takes its request back, and
// that at which a provider says that a delivery is ready.
func cancellations() []attempt {
	var list []attempt
	var waiting string // kim's grant that nobody has decided
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, w *world) answer {
			if waiting == "" {
				w.asked(t, w.kim.watcher)
				waiting = undecided(t, w)
				w.settle(t)
			}
			return try(t, w)
		}})
	}
	cancel := func(t *testing.T, w *world, by party, grant string, bends ...bend) answer {
		return postJOSE(t, w.hub+"/agency/cancellations", by.signed(t, consent.CancelJWT,
			consent.CancelClaims{Issuer: by.agency, Audience: w.hub, IssuedAt: now(), GrantID: consent.GrantID(grant)}, bends...))
	}
	const failed = "check_failed"
	for name, bends := range signatures("cancellation") {
		status, code := 400, failed
		if strings.HasSuffix(name, "no row can hold") {
			status, code, bends = 404, "unknown_grant", bends[1:]
		}
		add(name, status, code, "", func(t *testing.T, w *world) answer {
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w))
			}
			return cancel(t, w, w.asks, waiting, all...)
		})
	}
	add("it cancels nothing for an agency that has no part in it", 404, "unknown_grant", "grant", func(t *testing.T, w *world) answer { return cancel(t, w, w.other, waiting) })
	add("it cancels nothing for the provider", 404, "unknown_grant", "grant", func(t *testing.T, w *world) answer { return cancel(t, w, w.gives, waiting) })
	add("it cancels nothing that was granted", 409, "decided", "grant state", func(t *testing.T, w *world) answer { return cancel(t, w, w.asks, w.kim.grant) })
	add("it cancels nothing that was withdrawn", 409, "decided", "grant state", func(t *testing.T, w *world) answer { return cancel(t, w, w.asks, w.kim.ended) })
	add("it cancels no grant that is not there", 404, "unknown_grant", "grant", func(t *testing.T, w *world) answer { return cancel(t, w, w.asks, long(43)) })
	add("it cancels nothing for another hub", 400, failed, "aud", func(t *testing.T, w *world) answer {
		return cancel(t, w, w.asks, waiting, claim("aud", "https://elsewhere.example"))
	})
	add("it cancels nothing by an old word", 400, failed, "iat", func(t *testing.T, w *world) answer {
		return cancel(t, w, w.asks, waiting, claim("iat", in(-1800)))
	})
	ready := func(t *testing.T, w *world, by party, grant string, use int, bends ...bend) answer {
		return postJOSE(t, w.hub+"/agency/ready", by.signed(t, consent.ReadyJWT,
			consent.ReadyClaims{Issuer: by.agency, Audience: w.hub, IssuedAt: now(), GrantID: consent.GrantID(grant), Use: use}, bends...))
	}
	add("it announces nothing for an agency that has no part in it", 400, failed, "provider", func(t *testing.T, w *world) answer { return ready(t, w, w.other, w.kim.grant, 2) })
	add("it announces nothing for the consumer", 400, failed, "provider", func(t *testing.T, w *world) answer { return ready(t, w, w.asks, w.kim.grant, 2) })
	add("it announces nothing of what was withdrawn", 409, "withdrawn", "grant state", func(t *testing.T, w *world) answer { return ready(t, w, w.gives, w.kim.ended, 2) })
	add("it announces nothing of no grant", 404, "unknown_grant", "grant", func(t *testing.T, w *world) answer { return ready(t, w, w.gives, long(43), 1) })
	add("it announces nothing for another hub", 400, failed, "aud", func(t *testing.T, w *world) answer {
		return ready(t, w, w.gives, w.kim.grant, 2, claim("aud", "https://elsewhere.example"))
	})
	return list
}
