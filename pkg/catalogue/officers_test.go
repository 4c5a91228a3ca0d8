package catalogue_test

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
)

//clause:catalogue RFC 8785: a snapshot's digest is over its canonical JSON
func TestDecisions(t *testing.T) {
	w := newWorld(t)
	one, two, stranger := newKey(t), newKey(t), newKey(t)
	officers := []jose.JSONWebKey{{Key: one.Public()}, {Key: two.Public()}}
	d, err := catalogue.Decide(catalogue.Approve, &w.catalogue, nil, now, time.Hour)
	ok(t, "decide", err)
	first, err := catalogue.SignDecision(d, one)
	ok(t, "sign", err)
	second, err := catalogue.SignDecision(d, two)
	ok(t, "sign", err)
	foreign, err := catalogue.SignDecision(d, stranger)
	ok(t, "sign", err)
	no := d
	no.Decision = catalogue.Reject
	refused, err := catalogue.SignDecision(no, two)
	ok(t, "sign", err)
	odd := d
	odd.Decision = "maybe"
	unsure, err := catalogue.SignDecision(odd, two)
	ok(t, "sign", err)
	after := d
	after.Following = d.Snapshot
	elsewhere, err := catalogue.SignDecision(after, two)
	ok(t, "sign", err)
	entry := w.catalogue.Agencies[0].Entry
	if following, err := catalogue.Approved(&w.catalogue, []string{first, second}, officers); err != nil || following != "" {
		t.Fatal(following, err)
	}
	for name, c := range map[string]struct {
		signatures []string
		want       error
	}{
		"it refuses one signature":           {[]string{first}, catalogue.ErrTooFew},
		"it refuses three":                   {[]string{first, second, second}, catalogue.ErrTooFew},
		"it refuses one officer twice":       {[]string{first, first}, catalogue.ErrSamePair},
		"it refuses a stranger":              {[]string{first, foreign}, catalogue.ErrOfficer},
		"it refuses a no":                    {[]string{first, refused}, catalogue.ErrOther},
		"it refuses a maybe":                 {[]string{first, unsure}, catalogue.ErrDecision},
		"it refuses two different histories": {[]string{first, elsewhere}, catalogue.ErrOther},
		"it refuses another's signature":     {[]string{first, second[:len(second)-86] + first[len(first)-86:]}, catalogue.ErrOfficer},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := catalogue.Approved(&w.catalogue, c.signatures, officers); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ text, says string }{
		"it refuses another type":        {entry, "typ is not"},
		"it refuses what is too long":    {strings.Repeat("a", 5000), "longer than"},
		"it refuses no JWS":              {"YQ.YQ.YQ", "malformed"},
		"it refuses another spelling":    {first + "=", "not unpadded base64url"},
		"it refuses a member of its own": {signed(t, one, `{"decision":"approve","version":1,"sha256":"x","following":"","iat":1,"exp":2,"more":1}`), "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := catalogue.OpenDecision(c.text, officers)
			refusal(t, err, c.says)
		})
	}
	t.Run("it stands for its time, its snapshot and what that follows", func(t *testing.T) {
		other := w.catalogue
		other.Version++
		ok(t, "now", d.At(now))
		ok(t, "this", d.For(&w.catalogue, nil))
		for _, err := range []error{d.For(&other, nil), d.For(&w.catalogue, &other)} {
			if !errors.Is(err, catalogue.ErrOther) {
				t.Error(err)
			}
		}
		long := d
		long.Expires = d.IssuedAt + int64((catalogue.MaxDecisionLife+time.Second)/time.Second)
		for _, err := range []error{d.At(now.Add(-2 * time.Minute)), d.At(now.Add(time.Hour)), long.At(now)} {
			if !errors.Is(err, catalogue.ErrNoTime) {
				t.Error(err)
			}
		}
	})
	t.Run("it has another digest for each change", func(t *testing.T) {
		before, err := w.catalogue.Digest()
		ok(t, "digest", err)
		changed := w.catalogue
		changed.Version++
		after, err := changed.Digest()
		ok(t, "digest", err)
		if before == after || before != d.Snapshot {
			t.Error("the same")
		}
	})
}

// signed is any payload as a decision by a key.
func signed(t testing.TB, key *ecdsa.PrivateKey, payload string) string {
	t.Helper()
	public := jose.JSONWebKey{Key: key.Public()}
	sum, err := public.Thumbprint(crypto.SHA256)
	ok(t, "thumbprint", err)
	options := (&jose.SignerOptions{}).WithType(catalogue.DecisionType).WithHeader("kid", base64.RawURLEncoding.EncodeToString(sum))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	ok(t, "signer", err)
	object, err := signer.Sign([]byte(payload))
	ok(t, "sign", err)
	compact, err := object.CompactSerialize()
	ok(t, "serialize", err)
	return compact
}

func FuzzOpenDecision(f *testing.F) {
	key := newKey(f)
	d := catalogue.Decision{Decision: catalogue.Approve, Version: 1, Snapshot: "x", IssuedAt: 1, Expires: 2}
	signature, err := catalogue.SignDecision(d, key)
	ok(f, "sign", err)
	f.Add(signature)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		got, officer, err := catalogue.OpenDecision(text, []jose.JSONWebKey{{Key: key.Public()}})
		if err == nil && (got != d || officer == "") {
			t.Errorf("%+v", got)
		}
	})
}

func TestDiff(t *testing.T) {
	w := newWorld(t)
	lines := func(change func(*catalogue.Catalogue)) string {
		next := newWorld(t).catalogue
		next.Agencies = w.catalogue.Agencies // with the same keys
		change(&next)
		changes, err := catalogue.Diff(&w.catalogue, &next)
		ok(t, "diff", err)
		var all []string
		for _, c := range changes {
			all = append(all, c.String())
		}
		return strings.Join(all, "\n")
	}
	for name, c := range map[string]struct {
		change func(*catalogue.Catalogue)
		want   string
	}{
		"it shows nothing where nothing changes":  {func(*catalogue.Catalogue) {}, ""},
		"it does not show the version":            {func(c *catalogue.Catalogue) { c.Version++ }, ""},
		"it shows a bound":                        {func(c *catalogue.Catalogue) { c.Purposes[0].MaxDays = 31 }, "~ purpose renewal: max_days: 30 -> 31"},
		"it shows a label under its field's name": {func(c *catalogue.Catalogue) { c.DataSets[0].Fields[0].Label = text("L") }, `~ data set checkup: fields: left: label: en: "Left" -> "L"` + "\n" + `~ data set checkup: fields: left: label: ko: "Left" -> "L"`},
		"it shows what is gone":                   {func(c *catalogue.Catalogue) { c.Purposes = nil }, "- purpose renewal: there"},
		"it shows a schema by its members": {func(c *catalogue.Catalogue) {
			c.DataSets[0].Schema = []byte(`{"type":"object","required":["left"],"properties":{"left":{"type":"string"}}}`)
		}, `~ data set checkup: schema: properties: left: type: "number" -> "string"`},
		"it shows an order alone":                {func(c *catalogue.Catalogue) { c.Agencies = []catalogue.Agency{c.Agencies[1], c.Agencies[0]} }, "~ order: agency urn:mydata:agency:a, agency urn:mydata:agency:b, data set checkup, purpose renewal -> agency urn:mydata:agency:b, agency urn:mydata:agency:a, data set checkup, purpose renewal"},
		"it spells out letters that turn around": {func(c *catalogue.Catalogue) { c.Purposes[0].Text = catalogue.Text{"en": "a\u202eb", "ko": "Renewal"} }, `~ purpose renewal: text: en: "Renewal" -> "\"a\u202eb\""`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lines(c.change); got != c.want {
				t.Errorf("\n%s\nnot\n%s", got, c.want)
			}
		})
	}
	t.Run("it refuses what cannot be shown", func(t *testing.T) {
		broken := newWorld(t).catalogue
		broken.DataSets[0].Schema = []byte("{")
		if _, err := catalogue.Diff(nil, &broken); err == nil {
			t.Error("shown")
		}
	})
	t.Run("it reads what is published without believing it, up to a bound", func(t *testing.T) {
		c, err := catalogue.Peek(w.sign(t))
		if err != nil || c.Version != w.catalogue.Version {
			t.Error(err)
		}
		_, err = catalogue.Peek(strings.Repeat("a", 17<<20))
		refusal(t, err, "longer than")
	})
	t.Run("it shows all of a first catalogue", func(t *testing.T) {
		changes, err := catalogue.Diff(nil, &w.catalogue)
		if err != nil || len(changes) < 20 {
			t.Error(changes, err)
		}
	})
}
