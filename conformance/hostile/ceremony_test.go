package hostile_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
)

// burglar has a person's passkey and nothing else of theirs.
func (w *world) burglar(p *person) *citizen.Citizen {
	c := citizen.New(w.hub, "burglar")
	c.Phone = p.Phone
	return c
}

// ceremonies attack login and enrolment.
func ceremonies() []attempt {
	return append(logins(), enrolments()...)
}

func logins() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world, c *citizen.Citizen) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: func(t *testing.T, w *world) answer {
			c := w.burglar(w.kim)
			a := try(t, w, c)
			if len(c.Cookies(w.hub)) > 1 { // the ceremony's own
				for _, cookie := range c.Cookies(w.hub) {
					if cookie.Name == "mydata_idp_session" {
						t.Error("a session began")
					}
				}
			}
			return a
		}})
	}
	finish := func(t *testing.T, w *world, c *citizen.Citizen, body string, headers ...string) answer {
		return as(t, c, http.MethodPost, w.hub+"/login/finish", jsonType, body, headers...)
	}
	for _, b := range bentAssertions {
		add("it refuses "+b.name+" at the login", 400, "assertion", func(t *testing.T, w *world, c *citizen.Citizen) answer {
			a := says(t, w, c, options(t, c, w.hub+"/login/options", "{}"))
			b.bend(t, w, a)
			return finish(t, w, c, a.body(t))
		})
	}
	add("it refuses kim's passkey in lee's name", 400, "assertion", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		a := says(t, w, c, options(t, c, w.hub+"/login/options", "{}"))
		a.handle = w.lee.Phone.Auth.Options.UserHandle
		return finish(t, w, c, a.body(t))
	})
	add("it refuses a passkey in nobody's name", 400, "assertion", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		a := says(t, w, c, options(t, c, w.hub+"/login/options", "{}"))
		a.handle = nil
		return finish(t, w, c, a.body(t))
	})
	add("it refuses a passkey in the name of what no row can hold", 400, "assertion", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		a := says(t, w, c, options(t, c, w.hub+"/login/options", "{}"))
		a.handle = []byte("a\x00b")
		return finish(t, w, c, a.body(t))
	})
	add("it refuses an answer to no question", 400, "ceremony", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		return finish(t, w, c, says(t, w, c, `{"challenge":"`+long(43)+`"}`).body(t))
	})
	add("it refuses an answer to another browser's question", 400, "ceremony", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		asked := options(t, w.burglar(w.lee), w.hub+"/login/options", "{}")
		options(t, c, w.hub+"/login/options", "{}")
		return finish(t, w, c, says(t, w, c, asked).body(t))
	})
	add("it refuses an answer twice, wrong the first time", 400, "ceremony", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		a := says(t, w, c, options(t, c, w.hub+"/login/options", "{}"))
		a.flags = 1
		finish(t, w, c, a.body(t))
		a.flags = 5
		return finish(t, w, c, a.body(t))
	})
	for name, body := range badBodies {
		add("it refuses "+name+" at the login", 400, "bad_request", func(t *testing.T, w *world, c *citizen.Citizen) answer {
			options(t, c, w.hub+"/login/options", "{}")
			return finish(t, w, c, body)
		})
	}
	for name, body := range map[string]string{
		"an answer without credential": `{}`, "a credential that is a number": `{"credential":7}`, "an empty credential": `{"credential":{}}`,
		"a credential of a million rows": `{"credential":{"id":"` + long(40000) + `"}}`,
	} {
		add("it refuses "+name+" at the login", 400, "assertion", func(t *testing.T, w *world, c *citizen.Citizen) answer {
			options(t, c, w.hub+"/login/options", "{}")
			return finish(t, w, c, body)
		})
	}
	add("it refuses a login from another site", 403, "cross_origin", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		return finish(t, w, c, says(t, w, c, options(t, c, w.hub+"/login/options", "{}")).body(t), "Sec-Fetch-Site", "cross-site")
	})
	add("it refuses a login from another origin", 403, "cross_origin", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		return finish(t, w, c, says(t, w, c, options(t, c, w.hub+"/login/options", "{}")).body(t), "Sec-Fetch-Site", "", "Origin", "https://evil.example")
	})
	add("it refuses a form where JSON belongs at the login", 400, "bad_request", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		return as(t, c, http.MethodPost, w.hub+"/login/finish", formType, "credential=x")
	})
	add("it refuses a login for an interaction of another browser", 400, "interaction", func(t *testing.T, w *world, c *citizen.Citizen) answer {
		id := w.begun(t)
		a := says(t, w, c, options(t, c, w.hub+"/login/options", "{}"))
		refused := as(t, c, http.MethodPost, w.hub+"/login/finish?request="+id, jsonType, a.body(t))
		c.Forget() // it did log in, which is all that it may
		return refused
	})
	return list
}

// badBodies are no JSON objects with each name once.
var badBodies = map[string]string{
	"an empty body": "", "JSON that breaks off": `{"credential":`, "JSON and more": `{"credential":{}} {}`,
	"a name given twice": `{"credential":{},"credential":{}}`, "a body of 200 KiB": `{"credential":"` + long(200<<10) + `"}`,
	"a body nested 10000 deep": `{"credential":` + deep(10000) + `}`,
}

// enrolments attack /enrol; wrong codes are charged to an address, so each comes
// from an address of its own.
func enrolments() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	for i, code := range []string{"AAAA-BBBB-CCCC", "", mark, "a\x00b", "0000-0000-0000", long(5000), "홍길동홍길동홍길동홍길동"} {
		add("it refuses the code "+fmt.Sprintf("%.20q", code), 400, "code", func(t *testing.T, w *world) answer {
			c := citizen.New(w.hub, "burglar")
			c.From("127.0.1." + string(rune('1'+i)))
			return begin(t, w, c, code)
		})
	}
	add("it asks an address with wrong codes to wait", 429, "too_many", func(t *testing.T, w *world) answer {
		c := citizen.New(w.hub, "burglar")
		c.From("127.0.2.1")
		for range 5 {
			begin(t, w, c, "AAAA-BBBB-CCCC")
		}
		letter, err := w.Letter(t.Context(), "resident-04", false)
		if err != nil {
			t.Fatal(err)
		}
		w.settle(t) // what an operator does is in the log
		return begin(t, w, c, letter.Code)
	})
	add("it believes no stranger who says for whom it asks", 429, "too_many", func(t *testing.T, w *world) answer {
		var last answer
		for i := range 7 {
			c := citizen.New(w.hub, "burglar")
			c.From("127.0.2.3")
			last = as(t, c, http.MethodPost, w.hub+"/enrol/options", jsonType, `{"code":"AAAA-BBBB-CCCC"}`,
				"X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i), "Forwarded", fmt.Sprintf("for=192.0.2.%d", i), "X-Real-IP", fmt.Sprintf("192.0.2.%d", i))
		}
		return last
	})
	add("it refuses a code that is a number", 400, "bad_request", func(t *testing.T, w *world) answer {
		return as(t, w.burglar(w.kim), http.MethodPost, w.hub+"/enrol/options", jsonType, `{"code":7}`)
	})
	return append(list, creations()...)
}

// creations attack the making of a passkey with a good code in hand.
func creations() []attempt {
	var list []attempt
	var letter stage.Letter
	tries := 0 // of the code in it, of which there are five
	bent := func(name, code string, make func(t *testing.T, w *world, c *citizen.Citizen, asked string) string) {
		list = append(list, attempt{name: name, status: 400, code: code, try: func(t *testing.T, w *world) answer {
			if tries%4 == 0 {
				var err error
				if letter, err = w.Letter(t.Context(), "resident-05", false); err != nil {
					t.Fatal(err)
				}
				w.settle(t)
			}
			tries++
			c := citizen.New(w.hub, "resident-05")
			body := make(t, w, c, options(t, c, w.hub+"/enrol/options", `{"code":"`+letter.Code+`"}`))
			return as(t, c, http.MethodPost, w.hub+"/enrol/finish", jsonType, `{"credential":`+body+`}`)
		}})
	}
	create := func(t *testing.T, c *citizen.Citizen, asked string) string {
		made, err := c.Phone.Create([]byte(asked))
		if err != nil {
			t.Fatal(err)
		}
		return string(made)
	}
	bent("it refuses a passkey made at another site", "assertion", func(t *testing.T, w *world, c *citizen.Citizen, asked string) string {
		c.Phone.RP.Origin = "https://evil.example"
		return create(t, c, asked)
	})
	bent("it refuses a passkey made for another relying party", "assertion", func(t *testing.T, w *world, c *citizen.Citizen, asked string) string {
		c.Phone.RP.ID = "evil.example"
		return create(t, c, asked)
	})
	bent("it refuses a passkey made without the person verified", "assertion", func(t *testing.T, w *world, c *citizen.Citizen, asked string) string {
		c.Phone.Auth.Options.UserNotVerified = true
		return create(t, c, asked)
	})
	bent("it refuses a passkey made for another question", "ceremony", func(t *testing.T, w *world, c *citizen.Citizen, asked string) string {
		o, err := virtualwebauthn.ParseAttestationOptions(asked)
		if err != nil {
			t.Fatal(err)
		}
		o.Challenge = []byte(long(32))
		return virtualwebauthn.CreateAttestationResponse(c.Phone.RP, c.Phone.Auth, virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2), *o)
	})
	bent("it refuses a passkey that is none", "assertion", func(*testing.T, *world, *citizen.Citizen, string) string { return "{}" })
	bent("it refuses the use of a passkey for its making", "assertion", func(t *testing.T, w *world, c *citizen.Citizen, asked string) string {
		c.Phone = w.kim.Phone
		whole := says(t, w, c, asked).body(t)
		return whole[len(`{"credential":`) : len(whole)-1]
	})
	bent("it refuses a passkey without an id", "assertion", func(t *testing.T, w *world, c *citizen.Citizen, asked string) string {
		o, err := virtualwebauthn.ParseAttestationOptions(asked)
		if err != nil {
			t.Fatal(err)
		}
		key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		key.ID = nil
		return virtualwebauthn.CreateAttestationResponse(c.Phone.RP, c.Phone.Auth, key, *o)
	})
	list = append(list, attempt{name: "it refuses a passkey that another citizen has", status: 409, code: "conflict", try: func(t *testing.T, w *world) answer {
		letter, err := w.Letter(t.Context(), "resident-06", false)
		if err != nil {
			t.Fatal(err)
		}
		c := citizen.New(w.hub, "resident-06")
		o, err := virtualwebauthn.ParseAttestationOptions(options(t, c, w.hub+"/enrol/options", `{"code":"`+letter.Code+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		made := virtualwebauthn.CreateAttestationResponse(c.Phone.RP, c.Phone.Auth, w.kim.Phone.Keys[0], *o)
		return as(t, c, http.MethodPost, w.hub+"/enrol/finish", jsonType, `{"credential":`+made+`}`)
	}}, attempt{name: "it refuses an enrolment with a used code", status: 400, code: "code", try: func(t *testing.T, w *world) answer {
		letter, err := w.Letter(t.Context(), "resident-08", false)
		if err != nil {
			t.Fatal(err)
		}
		if err := citizen.New(w.hub, "resident-08").Enrol(t.Context(), letter.Code); err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		c := citizen.New(w.hub, "burglar")
		c.From("127.0.2.2")
		return begin(t, w, c, letter.Code)
	}})
	return list
}

func begin(t *testing.T, w *world, c *citizen.Citizen, code string) answer {
	return as(t, c, http.MethodPost, w.hub+"/enrol/options", jsonType, string(encode(t, map[string]string{"code": code})))
}
