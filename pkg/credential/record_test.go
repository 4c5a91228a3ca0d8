package credential

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

//clause:trust a presentation record verifies again offline, by each path, as of a time, and says what it cannot say ([schema](schemas/presentation-record.schema.json))
func TestRecord(t *testing.T) {
	for _, path := range []TrustPath{PathX509, PathMetadata, PathDID} {
		t.Run("it verifies again offline by "+string(path), func(t *testing.T) {
			s, a, result := recorded(t, func(s *scene) {
				if path != PathX509 {
					s.bare(t, path)
				}
			})
			r, err := NewRecord(result, a.asked(t), a.key)
			if err != nil {
				t.Fatal(err)
			}
			text, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if r, err = ParseRecord(text); err != nil {
				t.Fatal(err)
			}
			again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
			if !again.OK() || again.Claims["name"] != "Kim" {
				t.Errorf("%+v", again.Checks)
			}
			if unsaid := len(again.Unsaid); unsaid != 0 && path == PathX509 || unsaid == 0 && path != PathX509 {
				t.Errorf("it does not say what it cannot say: %q", again.Unsaid)
			}
			if again := r.Verify(t.Context(), Policy{}, answerName, time.Time{}); again.OK() {
				t.Error("it believes without a policy")
			}
		})
	}
}

func TestRecordWithoutTheKey(t *testing.T) {
	s, a, result := recorded(t, func(s *scene) { s.bare(t, PathMetadata) })
	r, err := NewRecord(result, a.asked(t), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := (jose.JSONWebKey{Key: s.key, KeyID: "k1"}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"no key": nil, "what is no key": []byte(`{}`), "a private key": private} {
		r.Key = key
		if err := r.seal(a.key); err != nil {
			t.Fatal(err)
		}
		again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
		if failed, _ := again.Failed(); failed.Name != CheckIssuerTrusted || failed.Detail != "the record holds no key of the issuer" {
			t.Errorf("it takes %s: %+v", name, again.Checks)
		}
	}
}

// What is asked at another time is answered as of that time.
//
//clause:trust a presentation record verifies again offline, by each path, as of a time, and says what it cannot say ([schema](schemas/presentation-record.schema.json))
func TestRecordLater(t *testing.T) {
	s, a, result := recorded(t, func(s *scene) {
		s.chain = [][]byte{s.ca.leaf(t, s.key, nil).Raw}
		s.claims["exp"] = testNow.Add(30 * time.Minute).Unix()
	})
	r, err := NewRecord(result, a.asked(t), a.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		at     time.Time
		check  string
		unsaid string
	}{
		{"it says that it knows no later status", testNow.Add(10 * time.Minute), "", "what became of the status after"},
		{"it says that the credential expired since", testNow.Add(40 * time.Minute), CheckValidity, ""},
		{"it says that the certificate expired since", testNow.Add(2 * time.Hour), CheckIssuerTrusted, ""},
		{"it refuses a time before the presentation", testNow.Add(-10 * time.Minute), CheckRequest, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			again := r.Verify(t.Context(), s.verifier.Policy, answerName, c.at)
			failed, _ := again.Failed()
			if failed.Name != c.check || !strings.Contains(strings.Join(again.Unsaid, ", "), c.unsaid) {
				t.Errorf("%+v %q", again.Checks, again.Unsaid)
			}
		})
	}
	t.Run("it says that nobody looked whether the query is answered", func(t *testing.T) {
		again := r.Verify(t.Context(), s.verifier.Policy, nil, time.Time{})
		if !again.OK() || len(again.Unsaid) != 1 {
			t.Errorf("%+v", again)
		}
	})
}

//clause:trust a presentation record verifies again offline, by each path, as of a time, and says what it cannot say ([schema](schemas/presentation-record.schema.json))
func TestRecordWithoutItsList(t *testing.T) {
	s, a, result := recorded(t, nil)
	for name, token := range map[string]string{"it says that the list is too long to be kept": strings.Repeat("x", MaxRecordStatus+1), "it says that no list was kept": ""} {
		t.Run(name, func(t *testing.T) {
			result := result
			evidence := *result.Evidence
			evidence.StatusToken, result.Evidence = token, &evidence
			r, err := NewRecord(result, a.asked(t), a.key)
			if err != nil || r.Status != "" || (r.StatusDigest != "") != (token != "") {
				t.Fatal(r, err)
			}
			again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
			if !again.OK() || len(again.Unsaid) != 1 || !strings.HasPrefix(again.Unsaid[0], "the status") {
				t.Errorf("%+v %q", again.Checks, again.Unsaid)
			}
		})
	}
}

//clause:trust it holds nothing that was not asked for
func TestNewRecordRefuses(t *testing.T) {
	t.Run("it keeps nothing that was not asked for", func(t *testing.T) {
		_, a, result := recorded(t, func(s *scene) { s.claims["birth_date"] = sdjwt.Hidden{Value: "1990-01-01"} })
		if _, err := NewRecord(result, a.asked(t), a.key); !errors.Is(err, ErrUnasked) {
			t.Error(err)
		}
	})
	_, a, result := recorded(t, nil)
	for name, make := range map[string]func() (Record, error){
		"it makes none of a refusal":                      func() (Record, error) { return NewRecord(Result{Checks: []Check{{Name: "x"}}}, a.asked(t), a.key) },
		"it makes none of nothing":                        func() (Record, error) { return NewRecord(Result{}, a.asked(t), a.key) },
		"it makes none without evidence":                  func() (Record, error) { return NewRecord(Result{Checks: result.Checks}, a.asked(t), a.key) },
		"it makes none of what does not answer the query": func() (Record, error) { q := a.asked(t); q.QueryID = "x"; return NewRecord(result, q, a.key) },
		"it makes none when nobody says what was asked":   func() (Record, error) { q := a.asked(t); q.Answer = nil; return NewRecord(result, q, a.key) },
		"it seals by no key of another curve":             func() (Record, error) { return NewRecord(result, a.asked(t), newKey(t, elliptic.P384())) },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := make(); !errors.Is(err, ErrRecord) {
				t.Error(err)
			}
		})
	}
}

// Each part of a record that somebody changes is named, also by one who could seal
// it anew: the verifier's own people.
//
//clause:trust what was changed in it is named, any byte, by a stranger or by who holds the key of the seal
func TestRecordNamesWhatWasChanged(t *testing.T) {
	s, a, result := recorded(t, nil)
	other := newScene(t)
	good, err := NewRecord(result, a.asked(t), a.key)
	if err != nil {
		t.Fatal(err)
	}
	request := func(typ string, change func(map[string]any)) func(*Record) {
		return func(r *Record) {
			claims := a.claims()
			if change != nil {
				change(claims)
			}
			r.Request = a.sign(t, typ, claims)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*Record)
		check  string
		detail string
	}{
		{"another time", func(r *Record) { r.When = r.When.Add(7 * time.Minute) }, CheckRequest, "the request had expired"},
		{"a time before the request", func(r *Record) { r.When = r.When.Add(-7 * time.Minute) }, CheckRequest, "made after the presentation"},
		{"another query", func(r *Record) { r.Query = []byte(`{"credentials":[{"id":"card"}]}`) }, CheckRequest, "the query is not"},
		{"another nonce", func(r *Record) { r.Nonce = "x" }, CheckRequest, "the nonce is not"},
		{"another audience", func(r *Record) { r.Audience = "x509_hash:x" }, CheckRequest, "the audience is not"},
		{"a request that is none", func(r *Record) { r.Request = "a.b.c" }, CheckRequest, "not signed by ES256"},
		{"a request that is too long", func(r *Record) { r.Request = strings.Repeat("x", maxRequest+1) }, CheckRequest, "too long"},
		{"a request of another typ", request("JWT", nil), CheckRequest, "typ and x5c"},
		{"a request with another nonce", request(requestTyp, func(c map[string]any) { c["nonce"] = "" }), CheckRequest, "the nonce is not"},
		{"a request that cannot be read", request(requestTyp, func(c map[string]any) { c["iat"] = "x" }), CheckRequest, "cannot be read"},
		{"a request signed by another", func(r *Record) {
			b := newAsker(t)
			b.clientID = a.clientID
			r.Request = b.sign(t, requestTyp, b.claims())
		}, CheckRequest, "another than its client_id"},
		{"a request with another signature", func(r *Record) {
			b := asker{key: newKey(t, elliptic.P256()), chain: a.chain, clientID: a.clientID}
			r.Request = b.sign(t, requestTyp, b.claims())
		}, CheckRequest, "signature is wrong"},
		{"a request with a broken certificate", func(r *Record) {
			b := asker{key: a.key, chain: [][]byte{{1}}, clientID: a.clientID}
			r.Request = b.sign(t, requestTyp, b.claims())
		}, CheckRequest, "not signed by ES256"},
		{"another presentation", func(r *Record) {
			other.kb.Audience, other.asked.Audience = a.clientID, a.clientID
			r.Presentation = other.present(t).Token
		}, CheckIssuerTrusted, "x5c"},
		{"a presentation cut short", func(r *Record) { r.Presentation = r.Presentation[1:] }, CheckFormat, ""},
		{"a presentation with less", func(r *Record) {
			parts := strings.Split(r.Presentation, "~")
			r.Presentation = parts[0] + "~" + parts[2]
		}, CheckKeyBinding, "sd_hash"},
		{"another status list", func(r *Record) {
			list, err := statuslist.New(1, 64)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status, err = statuslist.Sign(statuslist.Key{Signer: other.key, X5C: other.chain},
				statuslist.Token{URI: testIssuer + "/status/1", IssuedAt: testNow, List: list}); err != nil {
				t.Fatal(err)
			}
		}, CheckStatus, "not trusted"},
		{"another claim", func(r *Record) { r.Result.Claims = map[string]any{"name": "Lee"} }, CheckAnswer, "the claims are not"},
		{"a claim more", func(r *Record) { r.Result.Claims = map[string]any{"name": "Kim", "age": 3.0} }, CheckAnswer, "the claims are not"},
		{"another id of the query", func(r *Record) { r.QueryID = "x" }, CheckAnswer, "does not answer"},
		{"another type", func(r *Record) { r.Result.VCT = "x" }, CheckResult, "another result"},
		{"another issuer", func(r *Record) { r.Result.Issuer = "x" }, CheckResult, "another result"},
		{"another expiry", func(r *Record) { r.Result.Expires = time.Time{} }, CheckResult, "another result"},
		{"another trust path", func(r *Record) { r.Result.Path = PathDID }, CheckResult, "another result"},
		{"further types", func(r *Record) { r.Result.Types = []string{"x"} }, CheckResult, "another result"},
		{"a failed check", func(r *Record) { r.Result.Checks[3].OK = false }, CheckResult, "another result"},
		{"a check less", func(r *Record) { r.Result.Checks = r.Result.Checks[:5] }, CheckStatus, ""},
		{"a check more", func(r *Record) { r.Result.Checks = append(r.Result.Checks, r.Result.Checks[0]) }, CheckResult, "other checks"},
		{"a check renamed", func(r *Record) { r.Result.Checks[3].Name = "x" }, CheckResult, "does not tell of validity"},
		{"another key", func(r *Record) { r.Result.Checks[1].Key = "x" }, CheckResult, "another key"},
		{"no chain", func(r *Record) { r.Chain = nil }, CheckResult, "another chain"},
		{"another chain", func(r *Record) { r.Chain = append([][]byte{r.Chain[1]}, r.Chain[1]) }, CheckResult, "another chain"},
		{"transaction data", func(r *Record) { r.TransactionDataHashes = []string{"x"} }, CheckKeyBinding, "transaction_data"},
	} {
		t.Run("it names "+c.name, func(t *testing.T) {
			r, err := ParseRecord(marshal(t, good))
			if err != nil {
				t.Fatal(err)
			}
			c.change(&r)
			unsealed := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
			if failed, _ := unsealed.Failed(); failed.Name != CheckSeal && failed.Name != CheckRequest {
				t.Errorf("the seal holds: %+v", unsealed.Checks)
			}
			if err := r.seal(a.key); err != nil {
				t.Fatal(err)
			}
			if c.name == "a check less" {
				r.Status = "" // and the list with it
				if err := r.seal(a.key); err != nil {
					t.Fatal(err)
				}
			}
			again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
			if failed, _ := again.Failed(); failed.Name != c.check || !strings.Contains(failed.Detail, c.detail) {
				t.Errorf("%+v", again.Checks)
			}
		})
	}
	t.Run("it names a seal by another", func(t *testing.T) {
		r := good
		if err := r.seal(newKey(t, elliptic.P256())); err != nil {
			t.Fatal(err)
		}
		again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
		if failed, _ := again.Failed(); failed.Name != CheckSeal || failed.Detail != "the record was changed after it was sealed" {
			t.Errorf("%+v", again.Checks)
		}
		head, rest, _ := strings.Cut(good.Seal, ".")
		r.Seal = head[:len(head)-1] + string(head[len(head)-1]^1) + "." + rest // stray bits alone
		again = r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
		if failed, _ := again.Failed(); failed.Name != CheckSeal || failed.Detail != "the seal is written in another way" {
			t.Errorf("%+v", again.Checks)
		}
		r.Seal = r.Request
		again = r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
		if failed, _ := again.Failed(); failed.Name != CheckSeal || failed.Detail != "not a detached JWS of a record" {
			t.Errorf("%+v", again.Checks)
		}
	})
	t.Run("it says that a client identifier of another kind proves no key", func(t *testing.T) {
		s, a, _ := recorded(t, nil)
		a.clientID = "x509_san_dns:verifier.example"
		s.kb.Audience, s.asked.Audience = a.clientID, a.clientID
		r, err := NewRecord(s.verifier.Verify(t.Context(), s.present(t)), a.asked(t), a.key)
		if err != nil {
			t.Fatal(err)
		}
		again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{})
		if !again.OK() || len(again.Unsaid) != 1 {
			t.Errorf("%+v %q", again.Checks, again.Unsaid)
		}
	})
}

func marshal(t testing.TB, r Record) []byte {
	t.Helper()
	text, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Any byte of a record that is another is found out.
//
//clause:trust what was changed in it is named, any byte, by a stranger or by who holds the key of the seal
func TestEveryByteOfARecordCounts(t *testing.T) {
	s, a, result := recorded(t, nil)
	good, err := NewRecord(result, a.asked(t), a.key)
	if err != nil {
		t.Fatal(err)
	}
	text := marshal(t, good)
	step := 11
	if os.Getenv("MYDATA_SOAK") != "" {
		step = 1
	}
	for i := 0; i < len(text); i += step {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		r, err := ParseRecord(changed)
		if err != nil {
			continue
		}
		if again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{}); again.OK() {
			t.Errorf("byte %d: %q", i, changed[max(0, i-20):i+1])
		}
	}
}

func TestParseRecordRefuses(t *testing.T) {
	_, a, result := recorded(t, nil)
	good, err := NewRecord(result, a.asked(t), a.key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(marshal(t, good))
	for name, c := range map[string]struct{ text, says string }{
		"an unknown member":  {strings.Replace(text, `{`, `{"x":1,`, 1), "unknown field"},
		"an endless one":     {text + strings.Repeat(" ", MaxRecord), "longer than"},
		"another version":    {strings.Replace(text, recordVersion, "mydata-presentation-record/2", 1), "schema_version"},
		"another spelling":   {" " + text, "written in another way"},
		"what is no record":  {"x", "invalid character"},
		"more than one text": {text + text, "more than one value"},
	} {
		if _, err := ParseRecord([]byte(c.text)); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("it does not say of %s that it is %s: %v", name, c.says, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "an array": "[]", "another version": strings.Replace(text, recordVersion, "mydata-presentation-record/2", 1),
		"space": " " + text, "an unknown member": strings.Replace(text, `{`, `{"x":1,`, 1), "a member twice": strings.Replace(text, `{`, `{"nonce":"nonce",`, 1),
		"two records": text + text, "no line end": strings.TrimSuffix(text, "\n"), "an endless one": text + strings.Repeat(" ", MaxRecord),
		"a member in other letters": strings.Replace(text, `"seal"`, `"Seal"`, 1),
	} {
		if _, err := ParseRecord([]byte(text)); !errors.Is(err, ErrRecord) {
			t.Errorf("it refuses %s: %v", name, err)
		}
	}
}

//clause:trust what was changed in it is named, any byte, by a stranger or by who holds the key of the seal
func FuzzParseRecord(f *testing.F) {
	s, a, result := recorded(f, nil)
	good, err := NewRecord(result, a.asked(f), a.key)
	if err != nil {
		f.Fatal(err)
	}
	text := marshal(f, good)
	f.Add(text)
	f.Add([]byte(`{"schema_version":"` + recordVersion + `","when":"0001-01-01T00:00:00Z"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecord(data)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Error(err)
			}
			return
		}
		if again := r.Verify(t.Context(), s.verifier.Policy, answerName, time.Time{}); again.OK() && !bytes.Equal(data, text) {
			t.Errorf("found good: %q", data)
		}
	})
}
