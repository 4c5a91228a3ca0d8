package hostile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
)

// grants of kim's, made by the controls: one unused, one used once, one that was
// withdrawn after its token was given.
type grants struct {
	fresh, used, withdrawn *transfer
	committed              string    // the commit of used
	acknowledged           string    // the countersignature of it
	released               *transfer // its first use was released
	key, token             string    // with this key and token
}

var agencyControls = []control{
	{"a commit", func(t *testing.T, w *world) answer {
		w.grants.fresh, w.grants.used, w.grants.withdrawn = w.transfer(t, w.kim), w.transfer(t, w.kim), w.transfer(t, w.kim)
		if err := w.kim.watcher.Withdraw(t.Context(), w.grants.withdrawn.grant); err != nil {
			t.Fatal(err)
		}
		w.grants.committed = w.commit(t, w.grants.used, 1)
		return postJOSE(t, w.hub+"/agency/commits", w.grants.committed)
	}, 200},
	{"the same commit again", func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/commits", w.grants.committed)
	}, 200},
	{"a countersignature", func(t *testing.T, w *world) answer {
		w.grants.acknowledged = w.received(t, w.grants.used, 1, w.grants.committed)
		return postJOSE(t, w.hub+"/agency/received", w.grants.acknowledged)
	}, 200},
}

// agencies attack the door for agencies: commits, countersignatures, receipts.
func agencies() []attempt {
	return append(append(commits(), receiveds()...), bodies()...)
}

func commits() []attempt {
	var list []attempt
	bent := func(name string, status int, code, check string, bends ...func(t *testing.T, w *world) bend) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, w *world) answer {
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w))
			}
			return postJOSE(t, w.hub+"/agency/commits", w.commit(t, w.grants.fresh, 1, all...))
		}})
	}
	is := func(b bend) func(*testing.T, *world) bend { return func(*testing.T, *world) bend { return b } }
	const failed = "check_failed"
	for name, bends := range signatures("commit") {
		if strings.HasSuffix(name, "no row can hold") {
			bent(name, 404, "unknown_grant", "grant", is(claim("grant_id", "a\x00b")))
			continue
		}
		bent(name, 400, failed, "", bends...)
	}
	bent("it refuses a commit by an agency that has no part in it", 400, failed, "provider", func(_ *testing.T, w *world) bend {
		return func(j *jwt) {
			j.key, j.head["x5c"], j.claims["iss"] = w.other.key, x5c(w.other.chain...), w.other.agency
		}
	})
	bent("it refuses a commit by the consumer", 400, failed, "provider", func(_ *testing.T, w *world) bend {
		return func(j *jwt) { j.key, j.head["x5c"], j.claims["iss"] = w.asks.key, x5c(w.asks.chain...), w.asks.agency }
	})
	bent("it refuses a commit for another hub", 400, failed, "aud", is(claim("aud", "https://elsewhere.example")))
	bent("it refuses an old commit", 400, failed, "iat", is(claim("iat", in(-600))))
	bent("it refuses a commit from the future", 400, failed, "iat", is(claim("iat", in(120))))
	bent("it refuses a commit to no grant", 404, "unknown_grant", "grant", is(claim("grant_id", long(43))))
	bent("it refuses a commit without a grant", 400, failed, "commit", is(claim("grant_id", "")))
	bent("it refuses a commit to use 0", 400, failed, "commit", is(claim("use", 0)))
	bent("it refuses a commit to use -1", 400, failed, "commit", is(claim("use", -1)))
	bent("it refuses a commit to the second use before the first", 409, "use_taken", "use", is(claim("use", 2)))
	bent("it refuses a commit to the thousandth use", 409, "use_taken", "use", is(claim("use", 1000)))
	bent("it refuses a commit to a use beyond all numbers", 400, failed, "", is(claim("use", 1e30)))
	bent("it refuses a commit under other terms", 400, failed, "terms digest", is(claim("terms", b64.EncodeToString(make([]byte, 32)))))
	bent("it refuses a commit with terms that are no digest", 400, failed, "commit", is(claim("terms", mark)))
	bent("it refuses a commit without ciphertext", 400, failed, "", is(claim("ciphertext", nil)))
	bent("it refuses a commit with a short nonce", 400, failed, "commit", is(claim("nonce", "x")))
	bent("it refuses a commit with a nonce of a kilobyte", 400, failed, "commit", is(claim("nonce", long(1024))))
	add := func(name string, status int, code, check string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: try})
	}
	add("it refuses a commit to a use that another commit has", 409, "use_taken", "use", func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/commits", w.commit(t, w.grants.used, 1))
	})
	add("it refuses a commit to what was withdrawn", 409, "withdrawn", "grant state", func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/commits", w.commit(t, w.grants.withdrawn, 1))
	})
	add("it refuses a countersignature for a commit", 400, "check_failed", "commit signature", func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/commits", w.grants.acknowledged)
	})
	return list
}

func receiveds() []attempt {
	var list []attempt
	bent := func(name string, status int, code, check string, bends ...func(t *testing.T, w *world) bend) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, w *world) answer {
			var all []bend
			for _, b := range bends {
				all = append(all, b(t, w))
			}
			return postJOSE(t, w.hub+"/agency/received", w.received(t, w.grants.used, 1, w.grants.committed, all...))
		}})
	}
	is := func(b bend) func(*testing.T, *world) bend { return func(*testing.T, *world) bend { return b } }
	const failed = "check_failed"
	for name, bends := range signatures("countersignature") {
		if strings.HasSuffix(name, "no row can hold") {
			bent(name, 404, "unknown_grant", "grant", is(claim("grant_id", "a\x00b")))
			continue
		}
		bent(name, 400, failed, "", bends...)
	}
	bent("it refuses a countersignature by an agency that has no part in it", 400, failed, "recipient", func(_ *testing.T, w *world) bend {
		return func(j *jwt) {
			j.key, j.head["x5c"], j.claims["iss"] = w.other.key, x5c(w.other.chain...), w.other.agency
		}
	})
	bent("it refuses a countersignature by the provider", 400, failed, "recipient", func(_ *testing.T, w *world) bend {
		return func(j *jwt) {
			j.key, j.head["x5c"], j.claims["iss"] = w.gives.key, x5c(w.gives.chain...), w.gives.agency
		}
	})
	bent("it refuses a countersignature for another hub", 400, failed, "aud", is(claim("aud", "https://elsewhere.example")))
	bent("it refuses a countersignature from the future", 400, failed, "iat", is(claim("iat", in(120))))
	bent("it refuses a countersignature of no grant", 404, "unknown_grant", "grant", is(claim("grant_id", long(43))))
	bent("it refuses a countersignature of use 0", 400, failed, "received", is(claim("use", 0)))
	bent("it refuses a countersignature of a use that was never made", 400, failed, "event", is(claim("use", 2)))
	bent("it refuses a countersignature of another commit", 409, "decided", "grant state", is(claim("commit", b64.EncodeToString(make([]byte, 32)))))
	bent("it refuses a countersignature of no commit", 400, failed, "countersignature", is(claim("commit", nil)))
	list = append(list, attempt{name: "it gives no receipt of a grant under another's address", status: 404, code: "unknown_grant", check: "grant", try: func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/receipts/"+w.grants.fresh.grant, w.grants.acknowledged)
	}}, attempt{name: "it gives no receipt to an agency that has no part in it", status: 400, code: failed, check: "recipient", try: func(t *testing.T, w *world) answer {
		stolen := w.other.signed(t, consent.ReceivedJWT, consent.ReceivedClaims{
			Issuer: w.other.agency, Audience: w.hub, IssuedAt: now(), GrantID: consent.GrantID(w.grants.used.grant), Use: 1, Commit: consent.DigestOf(w.grants.committed),
		})
		return postJOSE(t, w.hub+"/agency/receipts/"+w.grants.used.grant, stolen)
	}}, attempt{name: "it gives no receipt against a commit", status: 400, code: failed, check: "countersignature", try: func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/receipts/"+w.grants.used.grant, w.grants.committed)
	}}, attempt{name: "it gives no receipt under an address that is not UTF-8", status: 404, code: "unknown_grant", check: "grant", try: func(t *testing.T, w *world) answer {
		return postJOSE(t, w.hub+"/agency/receipts/%FF%00", w.grants.acknowledged)
	}})
	return list
}

// bodies that are no JWS at all.
func bodies() []attempt {
	var list []attempt
	for _, path := range []string{"/agency/commits", "/agency/received", "/agency/receipts/x"} {
		for name, body := range map[string]string{"nothing": "", "JSON": `{"payload":"x"}`, "a page": "<html>" + mark, "bytes": "\xff\x00\xfe", "dots": "..", "60 KiB of letters": long(60 << 10)} {
			list = append(list, attempt{name: "it refuses " + name + " at " + path, status: 400, code: "check_failed", try: func(t *testing.T, w *world) answer {
				return postJOSE(t, w.hub+path, body)
			}})
		}
		list = append(list, attempt{name: "it refuses 200 KiB at " + path, status: 413, code: "body", check: "body", try: func(t *testing.T, w *world) answer {
			return postJOSE(t, w.hub+path, long(200<<10))
		}}, attempt{name: "it refuses another content type at " + path, status: 415, code: "media_type", check: "content type", try: func(t *testing.T, w *world) answer {
			return postJSON(t, w.hub+path, "{}")
		}}, attempt{name: "it refuses a content type that is none at " + path, status: 415, code: "media_type", check: "content type", try: func(t *testing.T, w *world) answer {
			return ask(t, http.MethodPost, w.hub+path, "x", "Content-Type", ";;;")
		}})
	}
	return list
}
