package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// answered is a release answer in its parts, to be bent before it is signed.
type answered struct {
	*consenttest.World
	t          testing.TB
	consumer   Consumer
	sent       Sent
	cat        *catalogue.Catalogue
	evidence   Evidence
	signer     consenttest.Agency // of the evidence
	committer  consenttest.Agency // of the commit
	salt       []byte
	ciphertext []byte
	commit     func(*consent.CommitClaims)
	promise    func(*consent.PromiseClaims)
	plaintext  func(*Plaintext)
	answer     func(*ReleaseAnswer)
	token      func(string) string // the evidence as sent
}

func answer(t testing.TB) *answered {
	t.Helper()
	w := consenttest.New()
	passkey := w.People.Enrol(citizen)
	in := w.Request(citizen, nil)
	ctx := context.Background()
	record, err := w.Ledger.Request(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if record, err = w.Approve(ctx, record.Grant, citizen, passkey, "vision_ok", "hearing_ok", "checked_on"); err != nil {
		t.Fatal(err)
	}
	next, err := w.Ledger.NextUse(ctx, record.Grant, consenttest.Client)
	if err != nil {
		t.Fatal(err)
	}
	a := &answered{
		World: w, t: t, cat: w.Catalogue, signer: w.Provider, committer: w.Provider,
		consumer: Consumer{Agency: w.Consumer.ID, Trust: w.Trust, Now: w.Now},
		sent:     Sent{Request: in.JWS, Subject: in.Sub, Salt: in.Salt, Terms: next.Terms, Use: 1},
		salt:     make([]byte, 32), ciphertext: []byte("ciphertext"),
		commit: func(*consent.CommitClaims) {}, promise: func(*consent.PromiseClaims) {},
		plaintext: func(*Plaintext) {}, answer: func(*ReleaseAnswer) {}, token: func(s string) string { return s },
	}
	a.evidence = Evidence{
		Provider: w.Provider.ID, Consumer: w.Consumer.ID, GrantID: record.Grant, Use: 1, Subject: next.Terms.Subjects.Consumer,
		DataSet: "health-checkup", Terms: record.Terms, IssuedAt: w.Now(),
		Claims: map[string]any{"vision_ok": true, "hearing_ok": false, "checked_on": "2026-05-14"},
	}
	return a
}

// run signs what the parts are now, and makes all checks.
func (a *answered) run() (*Received, error) {
	a.t.Helper()
	token, err := a.evidence.Sign(sdjwt.Key{Signer: a.signer.Key, X5C: a.signer.Chain})
	if err != nil {
		a.t.Fatal(err)
	}
	plain := Plaintext{Evidence: a.token(token), Salt: consent.Encode(a.salt)}
	digest, sum := PlaintextDigest(a.salt, plain.Evidence), sha256.Sum256(a.ciphertext)
	a.plaintext(&plain)
	c := consent.CommitClaims{
		Issuer: a.committer.ID, Audience: consenttest.Issuer, IssuedAt: a.Now().Unix(), GrantID: a.evidence.GrantID, Use: 1,
		Terms: a.evidence.Terms, Ciphertext: consent.Encode(sum[:]), Plaintext: consent.Encode(digest[:]), Nonce: consent.Encode(make([]byte, 32)),
	}
	a.commit(&c)
	compact, err := consent.SignCommit(c, a.committer.Key, a.committer.Chain)
	if err != nil {
		a.t.Fatal(err)
	}
	p := consent.PromiseClaims{
		Issuer: consenttest.Issuer, Audience: a.committer.ID, IssuedAt: a.Now().Unix(), GrantID: c.GrantID, Use: c.Use,
		Commit: consent.DigestOf(compact), Nonce: c.Nonce, Leaf: consent.DigestOf("leaf"), Deadline: a.Now().Unix() + 60,
	}
	a.promise(&p)
	made := ReleaseAnswer{Ciphertext: consent.Encode(a.ciphertext), Commit: compact,
		Promise: sign(a.t, a.Hub, a.Trust.HubKeys.Keys[0].KeyID, consent.PromiseJWT, p)}
	a.answer(&made)
	if err := a.consumer.CheckGrant(a.sent, a.cat); err != nil {
		return nil, err
	}
	r, _, err := a.consumer.CheckCommit(a.sent, made)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(plain)
	if err != nil {
		a.t.Fatal(err)
	}
	return r, a.consumer.CheckPlaintext(a.sent, r, raw)
}

func TestConsumerAccepts(t *testing.T) {
	a := answer(t)
	r, err := a.run()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.evidence.Claims, r.Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

//clause:consent each check of a release, at both ends
func TestConsumerRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check string
		bend  func(a *answered)
	}{
		{"it refuses another's request", CheckRequest, func(a *answered) { a.consumer.Agency = "urn:mydata:agency:tax" }},
		{"it refuses a request that nobody signed", CheckRequest, func(a *answered) { a.sent.Request = "a.b.c" }},
		{"it refuses a use beyond the last", CheckDetail, func(a *answered) { a.sent.Use = 3 }},
		{"it refuses no use", CheckDetail, func(a *answered) { a.sent.Use = 0 }},
		{"it refuses terms about another person", CheckSubject, func(a *answered) { a.sent.Subject = "another" }},
		{"it refuses terms that differ from the request", CheckNarrow, func(a *answered) { a.sent.Terms.MaxUses = 3 }},
		{"it refuses terms with another recipient key", CheckNarrow, func(a *answered) { a.sent.Terms.RecipientKey = consenttest.NewRecipientKey() }},

		{"it refuses a ciphertext that is no base64url", CheckAnswer, func(a *answered) { a.answer = func(r *ReleaseAnswer) { r.Ciphertext = "===" } }},
		{"it refuses a commit that nobody signed", CheckCommit, func(a *answered) { a.answer = func(r *ReleaseAnswer) { r.Commit = "a.b.c" } }},
		{"it refuses a commit by another agency", CheckCommit, func(a *answered) { a.committer = a.Consumer }},
		{"it refuses a commit by an agency of another CA", CheckCommit, func(a *answered) {
			a.committer = consenttest.NewAuthority("Another CA", a.Now()).Agency(a.Provider.ID)
		}},
		{"it refuses a commit for another hub", CheckCommit, func(a *answered) { a.commit = func(c *consent.CommitClaims) { c.Audience = "https://evil.example" } }},
		{"it refuses a commit to another grant", CheckCommit, func(a *answered) { a.commit = func(c *consent.CommitClaims) { c.GrantID = "another" } }},
		{"it refuses a commit to another use", CheckCommit, func(a *answered) { a.commit = func(c *consent.CommitClaims) { c.Use = 2 } }},
		{"it refuses a commit to other terms", CheckCommit, func(a *answered) { a.commit = func(c *consent.CommitClaims) { c.Terms = consent.DigestOf("x") } }},
		{"it refuses another ciphertext than committed", CheckCiphertext, func(a *answered) {
			a.answer = func(r *ReleaseAnswer) { r.Ciphertext = consent.Encode([]byte("another")) }
		}},

		{"it refuses a promise that nobody signed", CheckPromise, func(a *answered) { a.answer = func(r *ReleaseAnswer) { r.Promise = "a.b.c" } }},
		{"it refuses a promise by another hub", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.Issuer = "https://evil.example" } }},
		{"it refuses a promise by a key that is not the hub's", CheckPromise, func(a *answered) { a.Hub = consenttest.NewKey() }},
		{"it refuses a promise to another provider", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.Audience = a.Consumer.ID } }},
		{"it refuses a promise for another grant", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.GrantID = "another" } }},
		{"it refuses a promise for another use", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.Use = 2 } }},
		{"it refuses a promise for another commit", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.Commit = consent.DigestOf("x") } }},
		{"it refuses a promise with another nonce", CheckPromise, func(a *answered) {
			a.promise = func(p *consent.PromiseClaims) { p.Nonce = consent.DigestOf("x") }
		}},
		{"it refuses a promise from the future", CheckPromise, func(a *answered) {
			a.promise = func(p *consent.PromiseClaims) { p.IssuedAt += 60; p.Deadline += 60 }
		}},
		{"it refuses a promise without deadline", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.Deadline = 0 } }},
		{"it refuses a promise with a far deadline", CheckPromise, func(a *answered) { a.promise = func(p *consent.PromiseClaims) { p.Deadline += 60 } }},

		{"it refuses another plaintext than committed", CheckPlaintext, func(a *answered) { a.plaintext = func(p *Plaintext) { p.Evidence += "~" } }},
		{"it refuses another salt than committed", CheckPlaintext, func(a *answered) { a.plaintext = func(p *Plaintext) { p.Salt = consent.DigestOf("x") } }},
		{"it refuses a short salt", CheckPlaintext, func(a *answered) { a.salt = make([]byte, 16) }},
		{"it refuses evidence by another agency", CheckEvidence, func(a *answered) { a.signer = a.Consumer }},
		{"it refuses evidence by an agency of another CA", CheckEvidence, func(a *answered) {
			a.signer = consenttest.NewAuthority("Another CA", a.Now()).Agency(a.Provider.ID)
		}},
		{"it refuses evidence whose signer is not in its certificate", CheckEvidence, func(a *answered) { a.signer.Key = consenttest.NewKey() }},
		{"it refuses evidence that names another provider", CheckEvidence, func(a *answered) { a.evidence.Provider = a.Consumer.ID }},
		{"it refuses evidence of another data set", CheckEvidence, func(a *answered) { a.evidence.DataSet = "tax" }},
		{"it refuses evidence that is bound to a holder", CheckEvidence, func(a *answered) {
			a.token = func(s string) string {
				bound, err := sdjwt.Bind(s, a.Consumer.Key, sdjwt.KeyBinding{Audience: "x", Nonce: "y", IssuedAt: a.Now()})
				if err != nil {
					a.t.Fatal(err)
				}
				return bound
			}
		}},
		{"it refuses evidence for another agency", CheckEvidenceFor, func(a *answered) { a.evidence.Consumer = a.Provider.ID }},
		{"it refuses evidence of another grant", CheckEvidenceUse, func(a *answered) {
			a.evidence.GrantID, a.commit = "another", func(c *consent.CommitClaims) { c.GrantID = a.sent.Terms.GrantID }
		}},
		{"it refuses evidence of another use", CheckEvidenceUse, func(a *answered) { a.evidence.Use = 2 }},
		{"it refuses evidence for other terms", CheckEvidenceUse, func(a *answered) {
			terms := a.evidence.Terms
			a.evidence.Terms, a.commit = consent.DigestOf("x"), func(c *consent.CommitClaims) { c.Terms = terms }
		}},
		{"it refuses evidence about another person", CheckEvidenceWho, func(a *answered) { a.evidence.Subject = consent.DigestOf("x") }},
		{"it refuses old evidence", CheckEvidenceTime, func(a *answered) { a.evidence.IssuedAt = a.Now().Add(-time.Hour) }},
		{"it refuses evidence from the future", CheckEvidenceTime, func(a *answered) { a.evidence.IssuedAt = a.Now().Add(time.Minute) }},
		{"it refuses evidence without a granted claim", CheckClaims, func(a *answered) { delete(a.evidence.Claims, "hearing_ok") }},
		{"it refuses evidence with an empty claim", CheckClaims, func(a *answered) { a.evidence.Claims["hearing_ok"] = nil }},
		{"it refuses evidence with more than was granted", CheckClaims, func(a *answered) { a.evidence.Claims["remarks"] = "x" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := answer(t)
			tt.bend(a)
			_, err := a.run()
			var refused *Refusal
			if !errors.As(err, &refused) || refused.Check != tt.check {
				t.Fatalf("%v, want %q", err, tt.check)
			}
		})
	}
}

func TestEvidenceRefusesReservedNames(t *testing.T) {
	a := answer(t)
	a.evidence.Claims["aud"] = "everybody"
	if _, err := a.evidence.Sign(sdjwt.Key{Signer: a.signer.Key, X5C: a.signer.Chain}); err == nil {
		t.Error("it signed")
	}
}

func TestPlaintextDigestDependsOnSalt(t *testing.T) {
	if PlaintextDigest([]byte("salt-a"), "true") == PlaintextDigest([]byte("salt-b"), "true") {
		t.Error("the salt changes nothing")
	}
}

func FuzzParseReleaseAnswer(f *testing.F) {
	f.Add([]byte(`{"ciphertext":"YQ","commit":"a.b.c","promise":"a.b.c"}`))
	f.Add([]byte(`{"ciphertext":"YQ","ciphertext":"YQ","commit":"a","promise":"b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := ParseReleaseAnswer(body)
		if err == nil && (a.Ciphertext == "" || a.Commit == "" || a.Promise == "") {
			t.Errorf("accepted %q", body)
		}
	})
}

func FuzzCheckPlaintext(f *testing.F) {
	a := answer(f)
	r := &Received{Commit: consent.CommitClaims{Plaintext: consent.DigestOf("x")}}
	f.Add([]byte(`{"evidence":"a.b.c~","salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`))
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		if a.consumer.CheckPlaintext(a.sent, r, plaintext) == nil {
			t.Errorf("accepted %q", plaintext)
		}
	})
}
