package catalogue_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/jcs"
)

// TestHeldChains: a chain that was found good is found so again for the same
// header, pool and time alone; all else is checked from the start.
func TestHeldChains(t *testing.T) {
	const id, typ = "urn:mydata:agency:a", "a+jwt"
	g := newGovernment(t)
	pool := g.pool()
	key, chain := g.certify(t, id, nil)
	signed := func(typ string, payload string) string {
		jws, err := catalogue.SignAs(typ, []byte(payload), key, chain)
		ok(t, "sign", err)
		return jws
	}
	at := func(when time.Time) string { return signed(typ, fmt.Sprintf(`{"iat":%d}`, when.Unix())) }
	read := func(payload []byte) (int64, error) {
		var c struct {
			IssuedAt int64 `json:"iat"`
		}
		err := jcs.Decode(payload, &c)
		return c.IssuedAt, err
	}
	good := at(now)
	for range 2 {
		agency, err := catalogue.OpenIssued(good, typ, pool, read)
		ok(t, "open", err)
		if agency != id {
			t.Fatalf("opened %q", agency)
		}
	}
	agency, payload, err := catalogue.OpenSigned(good, typ, pool, now)
	if err != nil || agency != id || string(payload) != fmt.Sprintf(`{"iat":%d}`, now.Unix()) {
		t.Fatalf("%q %s %v", agency, payload, err)
	}
	var empty x509.CertPool
	parts := strings.Split(good, ".")
	for _, c := range []struct {
		name, jws, typ, says string
		roots                *x509.CertPool
	}{
		{name: "it asks another trust anew", jws: good, roots: newGovernment(t).pool(), says: "certificate chain"},
		{name: "it asks an empty trust anew", jws: good, roots: &empty, says: "certificate chain"},
		{name: "it takes another typ for another object", jws: good, typ: "b+jwt", says: "typ a+jwt"},
		{name: "it refuses another's payload", jws: parts[0] + "." + strings.Split(at(now.Add(time.Second)), ".")[1] + "." + parts[2], says: "signature is wrong"},
		{name: "it refuses another's signature", jws: parts[0] + "." + parts[1] + "." + strings.Split(at(now.Add(time.Second)), ".")[2], says: "signature is wrong"},
		{name: "it refuses a short signature", jws: parts[0] + "." + parts[1] + "." + parts[2][:80], says: "signature is wrong"},
		{name: "it refuses no signature", jws: parts[0] + "." + parts[1], says: "three parts"},
		{name: "it refuses a part more", jws: good + ".", says: "three parts"},
		{name: "it refuses a line in the payload", jws: parts[0] + "." + parts[1] + "\n." + parts[2], says: "base64url"},
		{name: "it refuses stray bits", jws: good[:len(good)-1] + string(rune(good[len(good)-1]+1)), says: "base64url"},
		{name: "it refuses what the chain has outlived", jws: at(now.AddDate(2, 0, 0)), says: "certificate chain"},
		{name: "it refuses what is older than the chain", jws: at(now.AddDate(0, -2, 0)), says: "certificate chain"},
		{name: "it refuses an iat in another spelling", jws: signed(typ, fmt.Sprintf(`{"iat":%de1}`, now.Unix()/10)), says: "json"},
		{name: "it refuses no iat", jws: signed(typ, `{}`), says: "iat is missing"},
		{name: "it refuses what is longer than it reads", jws: signed(typ, fmt.Sprintf(`{"iat":%d,"x":"%s"}`, now.Unix(), strings.Repeat("x", 64<<10))), says: "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.typ == "" {
				c.typ = typ
			}
			if c.roots == nil {
				c.roots = pool
			}
			_, err := catalogue.OpenIssued(c.jws, c.typ, c.roots, read)
			refusal(t, err, c.says)
		})
	}
	t.Run("it refuses an hour that the chain does not hold in", func(t *testing.T) {
		_, _, err := catalogue.OpenSigned(good, typ, pool, now.AddDate(2, 0, 0))
		refusal(t, err, "certificate chain")
	})
	t.Run("it refuses an hour that the authority has not lived to see", func(t *testing.T) {
		key, chain := g.certify(t, id, func(c *x509.Certificate) { c.NotAfter = now.AddDate(40, 0, 0) })
		for _, c := range []struct {
			when time.Time
			says string
		}{{now, ""}, {now.AddDate(39, 0, 0), "certificate chain"}} {
			jws, err := catalogue.SignAs(typ, fmt.Appendf(nil, `{"iat":%d}`, c.when.Unix()), key, chain)
			ok(t, "sign", err)
			if _, err = catalogue.OpenIssued(jws, typ, pool, read); c.says == "" {
				ok(t, "open", err)
			} else {
				refusal(t, err, c.says)
			}
		}
	})
	t.Run("it gives no strangers' objects a place", func(t *testing.T) {
		other := newGovernment(t)
		_, foreign := other.certify(t, id, nil)
		jws, err := catalogue.SignAs(typ, []byte(`{"iat":1800000000}`), key, foreign)
		ok(t, "sign", err)
		for range 2 {
			_, err = catalogue.OpenIssued(jws, typ, pool, read)
			refusal(t, err, "certificate chain")
		}
	})
	t.Run("it is asked by many at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if _, err := catalogue.OpenIssued(good, typ, pool, read); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// TestPlainSpellings: what is no JSON opens neither at first nor when its chain is
// known, however near it is to what we write ourselves.
func TestPlainSpellings(t *testing.T) {
	const typ = "a+jwt"
	g := newGovernment(t)
	key, chain := g.certify(t, "urn:mydata:agency:a", nil)
	pool, cert := g.pool(), base64.StdEncoding.EncodeToString(chain[0])
	open := func(x5c string) error {
		signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"`+typ+`","x5c":[`+x5c+`]}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iat":1}`))
		digest := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		ok(t, "sign", err)
		signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		_, _, err = catalogue.OpenSigned(signed+"."+base64.RawURLEncoding.EncodeToString(signature), typ, pool, now)
		return err
	}
	for _, known := range []bool{false, true} {
		for name, x5c := range map[string]string{
			"no quotes": cert, "no quote before": cert + `"`, "no quote after": `"` + cert, "a line break": `"` + cert[:8] + "\n" + cert[8:] + `"`,
			"nothing": ``, "an empty text": `""`, "a comma after": `"` + cert + `",`, "a list in it": `["` + cert + `"]`, "no certificate": `"AAAA"`,
			"another member": `"` + cert + `"],"crit":["exp"`,
		} {
			if open(x5c) == nil {
				t.Errorf("%s, known %t: it opens", name, known)
			}
		}
		ok(t, "open", open(`"`+cert+`"`))
		ok(t, "open with spaces", open(` "`+cert+`" `))
	}
}

// TestHeldInBounds: however many chains there are, few are kept, and a chain that
// was forgotten opens again.
func TestHeldInBounds(t *testing.T) {
	const typ = "a+jwt"
	g := newGovernment(t)
	key, chain := g.certify(t, "urn:mydata:agency:a", nil)
	jws, err := catalogue.SignAs(typ, []byte(`{"iat":1}`), key, chain)
	ok(t, "sign", err)
	for range catalogue.MaxHeld + 10 {
		_, _, err := catalogue.OpenSigned(jws, typ, g.pool(), now)
		ok(t, "open", err)
		if n := catalogue.Held(); n > catalogue.MaxHeld {
			t.Fatalf("%d are kept", n)
		}
	}
}

// TestOpenIssuedReads: a payload that its reader refuses is refused, however well
// it is signed, and also where the chain is remembered.
func TestOpenIssuedReads(t *testing.T) {
	const id, typ = "urn:mydata:agency:a", "a+jwt"
	g := newGovernment(t)
	key, chain := g.certify(t, id, nil)
	pool := g.pool()
	for range 2 {
		jws, err := catalogue.SignAs(typ, fmt.Appendf(nil, `{"iat":%d,"more":1}`, now.Unix()), key, chain)
		ok(t, "sign", err)
		_, err = catalogue.OpenIssued(jws, typ, pool, func([]byte) (int64, error) { return now.Unix(), fmt.Errorf("an unknown member") })
		if err == nil || !strings.Contains(err.Error(), "payload: an unknown member") {
			t.Fatalf("it was opened: %v", err)
		}
	}
}
