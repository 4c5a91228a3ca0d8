package transfer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/dpop"
)

func challenge(d, nonce [32]byte) [32]byte { return approval.Challenge([][32]byte{d}, nonce) }

func TestProviderAccepts(t *testing.T) {
	a := ask(t)
	r, body := a.sent()
	g, err := a.provider.Check(r, body, a.cat)
	if err != nil {
		t.Fatal(err)
	}
	if g.Sealed.ResidentID != citizen || g.Detail.Use != 1 || g.DataSet.ID != "health-checkup" || len(g.Terms.Claims) != 3 {
		t.Errorf("granted = %+v", g)
	}
}

func TestProviderAcceptsAnOlderApproval(t *testing.T) {
	a := ask(t)
	another := consenttest.NewPasskey(a.RP)
	a.People.Change(citizen, approval.OpAdd, another, a.passkey)
	a.Pass(24 * time.Hour)
	b := with(t, a.World, a.passkey, a.record)
	if err := b.check(); err != nil {
		t.Error(err)
	}
}

// Each case makes one thing wrong, as somebody who could would make it, and
// leaves or makes all else right.
//
//clause:consent each check of a release, at both ends
//clause:templates the provider holds the terms to it by its own copy of the catalogue
func TestProviderRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check string
		bend  func(a *asked)
	}{
		{"it refuses no token", CheckToken, func(a *asked) { a.request = func(r *http.Request) { r.Header.Del("Authorization") } }},
		{"it refuses two tokens", CheckToken, func(a *asked) {
			a.request = func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }
		}},
		{"it refuses a bearer token", CheckToken, func(a *asked) {
			a.request = func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer "+strings.TrimPrefix(r.Header.Get("Authorization"), "DPoP "))
			}
		}},
		{"it refuses a token by another key", CheckToken, func(a *asked) { a.hubKey = consenttest.NewKey() }},
		{"it refuses a token by an unknown key id", CheckToken, func(a *asked) { a.kid = "another" }},
		{"it refuses another kind of JWT for a token", CheckToken, func(a *asked) { a.typ = "JWT" }},
		{"it refuses a token by another issuer", CheckToken, func(a *asked) { a.Token.Issuer = "https://evil.example" }},
		{"it refuses a token without a client", CheckToken, func(a *asked) { a.Token.ClientID = "" }},
		{"it refuses an empty token", CheckToken, func(a *asked) { a.request = func(r *http.Request) { r.Header.Set("Authorization", "DPoP ") } }},
		{"it refuses a token without a subject", CheckToken, func(a *asked) { a.Token.Subject = "" }},
		{"it refuses a token without an id", CheckToken, func(a *asked) { a.Token.ID = "" }},
		{"it refuses a token without a grant", CheckToken, func(a *asked) { a.Token.Details[0].GrantID = "" }},
		{"it refuses a token without a consumer", CheckToken, func(a *asked) { a.Token.Details[0].Consumer = "" }},
		{"it refuses a token without terms", CheckToken, func(a *asked) { a.Token.Details[0].Terms = "" }},
		{"it refuses a token without exp", CheckToken, func(a *asked) { a.Token.Expiry = nil }},
		{"it refuses a token bound to no key", CheckToken, func(a *asked) { a.Token.Confirmation.JKT = "" }},
		{"it refuses a token without a detail", CheckToken, func(a *asked) { a.Token.Details = nil }},
		{"it refuses a token with two details", CheckToken, func(a *asked) { a.Token.Details = append(a.Token.Details, a.Token.Details[0]) }},
		{"it refuses a token of another type of detail", CheckToken, func(a *asked) { a.Token.Details[0].Type = "openid_credential" }},
		{"it refuses a token for no use", CheckToken, func(a *asked) { a.Token.Details[0].Use = 0 }},
		{"it refuses an expired token", CheckToken, func(a *asked) { a.Pass(61 * time.Second) }},
		{"it refuses a token from the future", CheckToken, func(a *asked) {
			a.Token.IssuedAt, a.Token.Expiry = jwt.NewNumericDate(a.Now().Add(time.Minute)), jwt.NewNumericDate(a.Now().Add(2*time.Minute))
		}},
		{"it refuses a token that lives long", CheckToken, func(a *asked) { a.Token.Expiry = jwt.NewNumericDate(a.Now().Add(time.Hour)) }},

		{"it refuses a request without proof", CheckProof, func(a *asked) { a.request = func(r *http.Request) { r.Header.Del("DPoP") } }},
		{"it refuses a proof by another key", CheckProof, func(a *asked) { a.key = consenttest.NewKey() }},
		{"it refuses a proof for another address", CheckProof, func(a *asked) { a.target = "https://insurer.example/other" }},
		{"it refuses a proof used before", CheckProof, func(a *asked) {
			r, body := a.sent()
			if _, err := a.provider.Check(r, body, a.cat); err != nil {
				a.t.Fatal(err)
			}
			a.request = func(again *http.Request) { again.Header = r.Header }
		}},

		{"it refuses a token for another provider", CheckAudience, func(a *asked) { a.Token.Audience = jwt.Audience{"urn:mydata:agency:tax"} }},
		{"it refuses a token good elsewhere too", CheckAudience, func(a *asked) { a.Token.Audience = append(a.Token.Audience, "urn:mydata:agency:tax") }},

		{"it refuses a request that nobody signed", CheckConsumer, func(a *asked) { a.Request = "a.b.c" }},
		{"it refuses a request by an agency of another CA", CheckConsumer, func(a *asked) {
			a.Consumer = consenttest.NewAuthority("Another CA", a.Now()).Agency(a.Consumer.ID)
			a.rerequest(func(*consent.RequestClaims) {})
		}},
		{"it refuses a request by another consumer", CheckConsumer, func(a *asked) { a.Token.Details[0].Consumer = "urn:mydata:agency:tax" }},
		{"it refuses a request for another hub", CheckConsumer, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Audience = "https://evil.example" })
		}},
		{"it refuses a request from the future", CheckConsumer, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.IssuedAt += 3600; c.Expires += 3600 })
		}},
		{"it refuses a request with two details", CheckConsumer, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Details = append(c.Details, c.Details[0]) })
		}},

		{"it refuses terms with an unknown member", CheckTerms, func(a *asked) { a.rawTerms = []byte(`{"extra":true}`) }},
		{"it refuses terms for another provider", CheckTerms, func(a *asked) { a.Terms.Provider.ID = "urn:mydata:agency:tax" }},
		{"it refuses terms for another consumer", CheckTerms, func(a *asked) { a.Terms.Controller = "urn:mydata:agency:tax" }},
		{"it refuses terms from another request", CheckTerms, func(a *asked) { a.Terms.Request = consent.DigestOf("another") }},
		{"it refuses terms of another grant", CheckTerms, func(a *asked) { a.Token.Details[0].GrantID = "another" }},

		{"it refuses a part sealed to another", CheckSealed, func(a *asked) {
			a.seal = func(s Sealed) (string, error) { return Seal(s, a.Consumer.EncryptionJWK()) }
		}},

		{"it refuses an assertion over other terms", CheckAssertion, func(a *asked) { a.Terms.Retention = "P31D"; a.retoken() }},
		{"it refuses an assertion whose nonce was changed", CheckAssertion, func(a *asked) { a.Sealed.Approval.Nonce[0] ^= 1 }},
		{"it refuses an assertion by another passkey", CheckAssertion, func(a *asked) { a.passkey = consenttest.NewPasskey(a.RP); a.reapprove() }},
		{"it refuses an assertion of another origin", CheckAssertion, func(a *asked) { a.passkey.Origin = "https://evil.example"; a.reapprove() }},
		{"it refuses an assertion without user verification", CheckAssertion, func(a *asked) { a.passkey.Flags = 0x01; a.reapprove() }},
		{"it refuses a passkey that is not active", CheckHistory, func(a *asked) { a.Sealed.Approval.Key = "another" }},
		{"it refuses a history without its beginning", CheckHistory, func(a *asked) { a.Sealed.Approval.History = nil }},
		{"it refuses a first passkey without officers", CheckHistory, func(a *asked) { a.Sealed.Approval.History[0].Event.By.Orders = nil }},
		{"it refuses officers it does not know", CheckHistory, func(a *asked) { a.provider.Trust.Officers = nil }},
		{"it refuses a passkey event without proof", CheckInclusion, func(a *asked) { a.Sealed.Approval.History[0].Proof = "" }},
		{"it refuses a passkey event with another salt", CheckInclusion, func(a *asked) { a.Sealed.Approval.History[0].Salt = make([]byte, 32) }},
		{"it refuses an UNWITNESSED passkey event", CheckInclusion, func(a *asked) {
			a.Log.Silent = true
			b := with(a.t, a.World, a.passkey, a.record)
			a.Sealed = b.Sealed
		}},
		{"it refuses a passkey that officers have just enrolled", CheckAge, func(a *asked) {
			a.passkey = a.People.Enrol(citizen)
			b := with(a.t, a.World, a.passkey, a.Granted(context.Background(), citizen, a.passkey))
			b.provider.Replay = a.provider.Replay
			*a = *b
		}},

		{"it refuses a passkey that a just enrolled one signed in", CheckAge, func(a *asked) {
			first := a.People.Enrol(citizen)
			a.passkey = consenttest.NewPasskey(a.RP)
			a.People.Change(citizen, approval.OpAdd, a.passkey, first)
			b := with(a.t, a.World, a.passkey, a.Granted(context.Background(), citizen, a.passkey))
			b.provider.Replay = a.provider.Replay
			*a = *b
		}},

		{"it refuses another subject than the terms'", CheckSubject, func(a *asked) { a.Sealed.Subject = "another" }},
		{"it refuses a subject whose salt was changed", CheckSubject, func(a *asked) { a.Sealed.SubjectSalt = consent.Encode(make([]byte, 32)) }},
		{"it refuses a subject whose salt is short", CheckSubject, func(a *asked) { a.Sealed.SubjectSalt = "AAAA" }},
		{"it refuses an empty subject", CheckSubject, func(a *asked) {
			a.Sealed.Subject, a.Sealed.SubjectSalt = "", consent.Encode(make([]byte, 32))
			a.Terms.Subjects.Provider = consent.SubjectCommitment([32]byte{}, "")
			a.reapprove()
		}},
		{"it refuses one person's approval for another's record", CheckSubject, func(a *asked) { a.Sealed.ResidentID = "resident-08" }},
		{"it refuses a key that officers ordered for another", CheckSubject, func(a *asked) { a.lend("resident-08") }},
		{"it refuses orders that nobody opens", CheckSubject, func(a *asked) { a.Sealed.OrderSalts = nil }},
		{"it refuses to look for a person by the pseudonym alone", CheckSubject, func(a *asked) { a.Sealed.ResidentID = "" }},
		{"it refuses a resident identifier it is not entitled to", CheckSubject, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) { c.Agencies[0].ResidentID = false })
		}},

		{"it refuses a token for other terms", CheckTermsDigest, func(a *asked) { a.Token.Details[0].Terms = consent.DigestOf("another") }},

		{"it refuses another recipient key than the request's", CheckRecipientKey, func(a *asked) {
			a.Terms.RecipientKey = consenttest.NewRecipientKey()
			a.reapprove()
		}},
		{"it refuses a recipient key of another KEM", CheckRecipientKey, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) {
				c.RecipientKey.KEM = "DHKEM_P256"
				a.Terms.RecipientKey = c.RecipientKey
			})
			a.reapprove()
		}},

		{"it refuses a purpose that the catalogue does not have", CheckPurpose, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Details[0].Purpose = "marketing" })
			a.Terms.Purpose.Code = "marketing"
			a.reapprove()
		}},
		{"it refuses another purpose than the request's", CheckPurpose, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Details[0].Purpose = "marketing" })
			a.reapprove()
		}},
		{"it refuses a purpose that does not cover the data set", CheckPurpose, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) { c.Purposes[0].DataSets = nil })
		}},
		{"it refuses a data set of another provider", CheckPurpose, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) { c.DataSets[0].Provider = a.Consumer.ID })
		}},

		{"it refuses terms that grant nothing", CheckFields, func(a *asked) { a.Terms.Claims = nil; a.reapprove() }},
		{"it refuses a claim that was not asked for", CheckFields, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Details[0].Claims = c.Details[0].Claims[:2] })
			a.reapprove()
		}},
		{"it refuses a claim twice", CheckFields, func(a *asked) { a.Terms.Claims = append(a.Terms.Claims, a.Terms.Claims[0]); a.reapprove() }},
		{"it refuses a claim that reads another field", CheckFields, func(a *asked) { a.Terms.Claims[0].From = []string{"remarks"}; a.reapprove() }},
		{"it refuses a claim whose field was not granted", CheckFields, func(a *asked) { a.Terms.Fields = a.Terms.Fields[1:]; a.reapprove() }},
		{"it refuses to release where deriving was asked", CheckFields, func(a *asked) { a.Terms.Action = consent.ActionRelease; a.reapprove() }},

		{"it refuses another schema in the terms", CheckSchema, func(a *asked) { a.Terms.DataSet.SchemaHash = consent.DigestOf("another"); a.reapprove() }},
		{"it refuses another schema in the request", CheckSchema, func(a *asked) {
			a.rerequest(func(c *consent.RequestClaims) { c.Details[0].SchemaHash = consent.DigestOf("another") })
			a.reapprove()
		}},
		{"it refuses a schema that has changed", CheckSchema, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) {
				c.DataSets[0].Schema = []byte(`{"type":"object","required":["remarks"]}`)
			})
		}},
		{"it refuses a field that has changed in a newer version", CheckSchema, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) {
				next := c.DataSets[0]
				next.Version, next.Schema = 2, []byte(`{"type":"object","properties":{"vision_left":{"type":"string"}}}`)
				c.DataSets = append(append([]catalogue.DataSet{}, c.DataSets...), next)
			})
		}},

		{"it refuses more uses than the purpose allows", CheckTemplate, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) { c.Purposes[0].MaxUses = 1 })
		}},
		{"it refuses a longer time than the purpose allows", CheckTemplate, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) { c.Purposes[0].MaxDays = 29 })
		}},
		{"it refuses what no template of the purpose allows", CheckTemplate, func(a *asked) {
			a.recatalogue(func(c *catalogue.Catalogue) {
				c.Templates = []catalogue.Template{{ID: "eyes", Version: 1, Purpose: c.Purposes[0].Code, MaxUses: 1, MaxDays: 1}}
			})
		}},
		{"it refuses a use beyond the last", CheckTemplate, func(a *asked) { a.Token.Details[0].Use = 3 }},

		{"it refuses an expired grant", CheckValidity, func(a *asked) {
			a.Pass(31 * 24 * time.Hour)
			a.Token.IssuedAt, a.Token.Expiry = jwt.NewNumericDate(a.Now()), jwt.NewNumericDate(a.Now().Add(time.Minute))
		}},
		{"it refuses a grant that has not begun", CheckValidity, func(a *asked) {
			a.Terms.Validity.NotBefore += 3600
			a.reapprove()
		}},

		{"it refuses terms that differ from the request elsewhere", CheckNarrow, func(a *asked) { a.Terms.Retention = "P31D"; a.reapprove() }},
		{"it refuses terms with another text than the catalogue's", CheckNarrow, func(a *asked) { a.Terms.Claims[0].Label = "harmless"; a.reapprove() }},
		{"it refuses terms newer than the catalogue", CheckNarrow, func(a *asked) { a.Terms.Catalogue = 99; a.reapprove() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t)
			tt.bend(a)
			err := a.check()
			var refused *Refusal
			if !errors.As(err, &refused) || refused.Check != tt.check {
				t.Fatalf("Check: %v, want %q", err, tt.check)
			}
			if refused.Cause == "" || refused.Mender == "" {
				t.Errorf("refusal without cause or mender: %+v", refused)
			}
		})
	}
}

// recatalogue gives the provider another catalogue.
func (a *asked) recatalogue(bend func(*catalogue.Catalogue)) {
	c := *a.cat
	c.Agencies = append([]catalogue.Agency{}, c.Agencies...)
	c.DataSets = append([]catalogue.DataSet{}, c.DataSets...)
	c.Purposes = append([]catalogue.Purpose{}, c.Purposes...)
	bend(&c)
	a.cat = &c
}

func TestProviderNeedsItsConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(*asked)
	}{
		{"it refuses without an agency", func(a *asked) { a.provider.Agency = "" }},
		{"it refuses without an endpoint", func(a *asked) { a.provider.Endpoint = "" }},
		{"it refuses without a key", func(a *asked) { a.provider.Key = nil }},
		{"it refuses without memory of proofs", func(a *asked) { a.provider.Replay = nil }},
		{"it refuses without a catalogue", func(a *asked) { a.cat = nil }},
		{"it refuses without trust", func(a *asked) { a.provider.Trust = consent.Trust{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t)
			tt.bend(a)
			if err := a.check(); err == nil {
				t.Error("it accepted")
			}
		})
	}
}

func TestDevelopmentLeavesOutTheWaitAlone(t *testing.T) {
	a := ask(t)
	a.passkey = a.People.Enrol(citizen)
	b := with(t, a.World, a.passkey, a.Granted(context.Background(), citizen, a.passkey))
	b.provider.Development = true
	if err := b.check(); err != nil {
		t.Errorf("development: %v", err)
	}
	b.Token.Sealed, b.Token.Audience = "", jwt.Audience{"another"}
	if err := b.check(); CheckOf(err) != CheckAudience {
		t.Errorf("development: %v, want %q", err, CheckAudience)
	}
}

func TestCheckRetry(t *testing.T) {
	a := ask(t)
	r, _ := a.sent()
	a.Pass(5 * time.Minute)
	maker, _ := dpop.NewMaker(a.key)
	maker.Now = a.Now
	token, _ := AccessToken(r)
	proof, _ := maker.Proof(http.MethodPost, endpoint, token, "")
	old := r.Header.Get("DPoP")
	r.Header.Set("DPoP", proof)
	if err := a.provider.CheckRetry(r); err != nil {
		t.Errorf("with a fresh proof: %v", err)
	}
	if err := a.provider.CheckRetry(r); CheckOf(err) != CheckProof {
		t.Errorf("with the same proof: %v", err)
	}
	r.Header.Set("DPoP", old)
	if err := a.provider.CheckRetry(r); CheckOf(err) != CheckProof {
		t.Errorf("with an old proof: %v", err)
	}
}

func FuzzParseReleaseRequest(f *testing.F) {
	f.Add([]byte(`{"request":"a.b.c","terms":{},"idempotency_key":"0123456789abcdef"}`))
	f.Add([]byte(`{"request":"a","request":"b","terms":{},"idempotency_key":"0123456789abcdef"}`))
	f.Add([]byte(`{"Request":"a","terms":null,"idempotency_key":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseReleaseRequest(body)
		if err == nil && (r.Request == "" || len(r.Terms) == 0 || len(r.IdempotencyKey) < 16) {
			t.Errorf("accepted %q", body)
		}
	})
}
