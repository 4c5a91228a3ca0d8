package openid4vci_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// member sets one, or takes it away.
func member(name string, v any) func(map[string]any) {
	return func(m map[string]any) {
		if m[name] = v; v == nil {
			delete(m, name)
		}
	}
}

// attesting is a provider, its root and a key of a phone.
type attesting struct {
	*wallettest.Provider
	now   time.Time
	key   *ecdsa.PrivateKey
	roots []*x509.Certificate
}

func newAttesting(t testing.TB) *attesting {
	a := &attesting{Provider: wallettest.NewProvider(t, "provider.example"), now: time.Now().Truncate(time.Second), key: newKey(t, elliptic.P256())}
	a.Now = func() time.Time { return a.now }
	a.roots = []*x509.Certificate{a.Authority.Certificate}
	return a
}

func (a *attesting) bend(header, claims func(map[string]any)) {
	a.WalletHeader, a.WalletClaims, a.KeyHeader, a.KeyClaims = header, claims, header, claims
}

func (a *attesting) at(d time.Duration) int64 { return a.now.Add(d).Unix() }

// unfit wants an attestation refused by name.
func unfit(t *testing.T, err error, check string, stale bool) {
	t.Helper()
	var why *openid4vci.AttestationError
	if !errors.As(err, &why) || why.Check != check || why.Stale != stale || !strings.HasPrefix(err.Error(), check+": ") {
		t.Errorf("%v, want %s (stale: %v)", err, check, stale)
	}
}

// wrapping are what is asked of every attestation, whatever it attests.
func wrapping(t *testing.T, a *attesting) []struct {
	name           string
	header, claims func(map[string]any)
	check          string
} {
	anchor := wallettest.Base64(a.Authority.Certificate.Raw)
	other := wallettest.NewProvider(t, "other.example")
	leaf := func(key crypto.PublicKey, bend func(*x509.Certificate)) []string {
		return []string{wallettest.Base64(a.Authority.Bent(t, key, "leaf", bend))}
	}
	deep := a.Authority.Below(t)
	crossed := []string{wallettest.Base64(deep.Leaf(t, a.Key().Public(), "deep", "https://x.example")[0])}
	return []struct {
		name           string
		header, claims func(map[string]any)
		check          string
	}{
		{name: "it refuses alg none", header: member("alg", "none"), check: "alg"},
		{name: "it refuses another typ", header: member("typ", "JWT"), check: "typ"},
		{name: "it refuses a header that is not of its kind", header: member("x5c", 1), check: "header"},
		{name: "it refuses jwk", header: member("jwk", map[string]any{}), check: "key"},
		{name: "it refuses jku", header: member("jku", "https://x.example"), check: "key"},
		{name: "it refuses x5u", header: member("x5u", "https://x.example"), check: "key"},
		{name: "it refuses crit", header: member("crit", []string{"exp"}), check: "crit"},
		{name: "it refuses b64", header: member("b64", true), check: "crit"},
		{name: "it refuses no x5c", header: member("x5c", nil), check: "x5c"},
		{name: "it refuses a long x5c", header: member("x5c", []string{"", "", "", "", "", ""}), check: "x5c"},
		{name: "it refuses x5c that is no base64", header: member("x5c", []string{"_"}), check: "x5c"},
		{name: "it refuses x5c that is no certificate", header: member("x5c", []string{"AAAA"}), check: "x5c"},
		{name: "it refuses the anchor", header: member("x5c", append(a.X5C(), anchor)), check: "x5c"},
		{name: "it refuses a self-signed certificate", header: member("x5c", []string{wallettest.Base64(other.Authority.Certificate.Raw)}), check: "x5c"},
		{name: "it refuses a leaf for other uses", header: member("x5c", leaf(a.Key().Public(), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })), check: "x5c"},
		{name: "it refuses an authority", header: member("x5c", leaf(a.Key().Public(), func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })), check: "x5c"},
		{name: "it refuses a leaf of another curve", header: member("x5c", leaf(newKey(t, elliptic.P384()).Public(), func(*x509.Certificate) {})), check: "x5c"},
		{name: "it refuses another's chain", header: member("x5c", other.X5C()), check: "trust"},
		{name: "it refuses a chain with a gap", header: member("x5c", crossed), check: "trust"},
		{name: "it refuses a certificate beside the path", header: member("x5c", append(a.X5C(), other.X5C()...)), check: "x5c"},
		{name: "it refuses a key that the certificate is not for", header: member("x5c", leaf(a.key.Public(), func(*x509.Certificate) {})), check: "signature"},
		{name: "it refuses what is too long", claims: member("x", strings.Repeat("x", 17<<10)), check: "jwt"},
		{name: "it refuses claims of another kind", claims: member("exp", "x"), check: "claims"},
		{name: "it refuses a time that is none", claims: member("iat", 1e300), check: "claims"},
		{name: "it refuses a beginning that is none", claims: member("nbf", -1e300), check: "claims"},
		{name: "it refuses an end that is none", claims: member("exp", 1e300), check: "claims"},
		{name: "it refuses what is of the future", claims: member("iat", a.at(11*time.Second)), check: "iat"},
		{name: "it refuses what is for later", claims: member("nbf", a.at(11*time.Second)), check: "iat"},
	}
}

//clause:as attestation-based client authentication draft-11 (and -07, which OpenID4VCI 1.0 pins), 4, 7.1; HAIP 1.0, 4.4.1: typ, x5c to the root of the provider that lists the wallet, no anchor, not self-signed, sub, cnf, times
func TestReadWalletAttestation(t *testing.T) {
	a := newAttesting(t)
	read := func() (openid4vci.WalletAttestation, error) {
		word, err := a.AttestWallet(t.Context(), "wallet", a.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		return openid4vci.ReadWalletAttestation(word, a.roots, a.now)
	}
	t.Run("it takes one in order, and says whose it is and by whom", func(t *testing.T) {
		w, err := read()
		if err != nil || w.Subject != "wallet" || w.Issuer != "https://provider.example" || w.Name != "provider.example" || !w.Root.Equal(a.roots[0]) || !a.key.PublicKey.Equal(w.Key.Key) || len(w.JKT) != 43 {
			t.Errorf("%+v, %v", w, err)
		}
		if print := openid4vci.Fingerprint(w.Root); len(print) != 64 {
			t.Error(print)
		}
	})
	for _, c := range wrapping(t, a) {
		t.Run(c.name, func(t *testing.T) {
			a.bend(c.header, c.claims)
			_, err := read()
			unfit(t, err, c.check, false)
		})
	}
	for _, c := range []struct {
		name   string
		claims func(map[string]any)
		check  string
		stale  bool
	}{
		{name: "it refuses no sub", claims: member("sub", nil), check: "sub"},
		{name: "it refuses a long sub", claims: member("sub", strings.Repeat("s", 513)), check: "sub"},
		{name: "it refuses no cnf", claims: member("cnf", nil), check: "cnf"},
		{name: "it refuses a cnf without a key", claims: member("cnf", map[string]any{"kid": "x"}), check: "cnf"},
		{name: "it refuses a private key", claims: member("cnf", map[string]any{"jwk": map[string]any{"kty": "EC", "d": "x"}}), check: "private key"},
		{name: "it refuses a key of another curve", claims: member("cnf", map[string]any{"jwk": wallettest.PublicJWK(t, newKey(t, elliptic.P384()).Public())}), check: "key"},
		{name: "it refuses no exp", claims: member("exp", nil), check: "exp"},
		{name: "it refuses one for more than a month", claims: member("exp", a.at(31*24*time.Hour+time.Second)), check: "exp"},
		{name: "it wants a newer one at the very end", claims: member("exp", a.now.Unix()), check: "exp", stale: true},
		{name: "it wants a newer one after a month", claims: member("iat", a.at(-31*24*time.Hour-time.Second)), check: "iat", stale: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.bend(nil, c.claims)
			_, err := read()
			unfit(t, err, c.check, c.stale)
		})
	}
	a.bend(nil, nil)
	t.Run("it says what is wrong with a chain", func(t *testing.T) {
		below := a.Authority.Below(t)
		chained := []string{wallettest.Base64(below.Leaf(t, a.Key().Public(), "below", "https://x.example")[0]), wallettest.Base64(below.Certificate.Raw)}
		trusted := a.roots
		defer func() { a.roots = trusted; a.bend(nil, nil) }()
		for cause, c := range map[string]struct {
			x5c   []string
			roots []*x509.Certificate
		}{
			"is not base64":                     {x5c: []string{"_"}, roots: trusted},
			"holds no certificate":              {x5c: []string{"AAAA"}, roots: trusted},
			"holds a self-signed certificate":   {x5c: append(a.X5C(), wallettest.Base64(a.roots[0].Raw)), roots: trusted},
			"holds the trust anchor":            {x5c: chained, roots: []*x509.Certificate{below.Certificate}},
			"is not exactly the path below the": {x5c: append(a.X5C(), wallettest.Base64(below.Certificate.Raw)), roots: trusted},
		} {
			a.roots = c.roots
			a.bend(member("x5c", c.x5c), nil)
			if _, err := read(); err == nil || !strings.Contains(err.Error(), cause) {
				t.Errorf("%v, want …%s…", err, cause)
			}
		}
		a.roots = trusted
		a.bend(member("x5c", chained), nil)
		if _, err := read(); err != nil {
			t.Errorf("an authority in between: %v", err)
		}
	})
	t.Run("it refuses a signature that is no base64", func(t *testing.T) {
		word, err := a.AttestWallet(t.Context(), "wallet", a.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		_, err = openid4vci.ReadWalletAttestation(word+"!", a.roots, a.now)
		unfit(t, err, "jwt", false)
	})
	t.Run("it trusts nobody where no root is given", func(t *testing.T) {
		a.roots = nil
		_, err := read()
		unfit(t, err, "trust", false)
	})
	t.Run("it refuses what is no JWT", func(t *testing.T) {
		for _, text := range []string{"", "a", "!.b.c", "e30.e30", "e30.e30.e30.e30"} {
			if _, err := openid4vci.ReadWalletAttestation(text, nil, a.now); err == nil {
				t.Errorf("took %q", text)
			}
		}
	})
}

//clause:as draft-11, 5.1, 7.2: proof of possession, aud, jti once, iat
func TestReadAttestationPoP(t *testing.T) {
	a := newAttesting(t)
	word, err := a.AttestWallet(t.Context(), "wallet", a.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w, err := openid4vci.ReadWalletAttestation(word, a.roots, a.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		header, claims func(map[string]any)
		key            *ecdsa.PrivateKey
		check          string
	}{
		{name: "it takes one in order"},
		{name: "it takes one without iss", claims: member("iss", nil)},
		{name: "it takes one of just under five minutes", claims: member("iat", a.at(-5*time.Minute))},
		{name: "it refuses another typ", header: member("typ", "dpop+jwt"), check: "typ"},
		{name: "it refuses alg none", header: member("alg", "none"), check: "alg"},
		{name: "it refuses another key", key: newKey(t, elliptic.P256()), check: "signature"},
		{name: "it refuses another audience", claims: member("aud", "https://x.example"), check: "aud"},
		{name: "it refuses a list of audiences", claims: member("aud", []string{issuer}), check: "aud"},
		{name: "it refuses no audience", claims: member("aud", nil), check: "aud"},
		{name: "it refuses another client's", claims: member("iss", "x"), check: "iss"},
		{name: "it refuses no jti", claims: member("jti", nil), check: "jti"},
		{name: "it refuses a long jti", claims: member("jti", strings.Repeat("j", 257)), check: "jti"},
		{name: "it refuses no iat", claims: member("iat", nil), check: "iat"},
		{name: "it refuses an old one", claims: member("iat", a.at(-5*time.Minute-time.Second)), check: "iat"},
		{name: "it refuses one of the future", claims: member("iat", a.at(11*time.Second)), check: "iat"},
		{name: "it refuses an expired one, which nothing newer mends", claims: member("exp", a.now.Unix()), check: "exp"},
		{name: "it refuses a long challenge", claims: member("challenge", strings.Repeat("c", 257)), check: "challenge"},
		{name: "it refuses claims of another kind", claims: member("jti", 1), check: "claims"},
		{name: "it refuses what is too long", claims: member("x", strings.Repeat("x", 17<<10)), check: "jwt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := map[string]any{"alg": "ES256", "typ": "oauth-client-attestation-pop+jwt"}
			claims := map[string]any{"iss": "wallet", "aud": issuer, "jti": "one", "iat": a.now.Unix(), "challenge": "given"}
			if c.header != nil {
				c.header(header)
			}
			if c.claims != nil {
				c.claims(claims)
			}
			key := a.key
			if c.key != nil {
				key = c.key
			}
			compact, err := wallettest.SignRaw(key, header, claims)
			if err != nil {
				t.Fatal(err)
			}
			pop, err := openid4vci.ReadAttestationPoP(compact, w, issuer, a.now)
			if c.check != "" {
				unfit(t, err, c.check, false)
				return
			}
			if err != nil || pop.ID != "one" || pop.Challenge != "given" || pop.Until.Before(a.now) {
				t.Errorf("%+v, %v", pop, err)
			}
		})
	}
	t.Run("it refuses a key that is none", func(t *testing.T) {
		w.Key.Key = []byte("secret")
		compact, err := wallettest.SignRaw(a.key, map[string]any{"alg": "ES256", "typ": "oauth-client-attestation-pop+jwt"}, map[string]any{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = openid4vci.ReadAttestationPoP(compact, w, issuer, a.now)
		unfit(t, err, "key", false)
	})
	t.Run("it reads the client's name before anything is checked, or nothing", func(t *testing.T) {
		if s := openid4vci.AttestationSubject(word); s != "wallet" {
			t.Error(s)
		}
		for _, text := range []string{"", "x", word[:40], word + strings.Repeat("x", 17<<10), base64.RawURLEncoding.EncodeToString([]byte("{}")) + ".e30.e30"} {
			if s := openid4vci.AttestationSubject(text); s != "" {
				t.Error(s)
			}
		}
	})
}

// FuzzReadWalletAttestation takes nothing that the provider did not sign.
//
//clause:as attestation-based client authentication draft-11 (and -07, which OpenID4VCI 1.0 pins), 4, 7.1; HAIP 1.0, 4.4.1: typ, x5c to the root of the provider that lists the wallet, no anchor, not self-signed, sub, cnf, times
func FuzzReadWalletAttestation(f *testing.F) {
	a := newAttesting(f)
	word, err := a.AttestWallet(f.Context(), "wallet", a.key.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(word)
	f.Add("e30.e30.e30")
	f.Add(word + ".x")
	f.Fuzz(func(t *testing.T, text string) {
		_ = openid4vci.AttestationSubject(text)
		w, err := openid4vci.ReadWalletAttestation(text, a.roots, a.now)
		if err == nil && (w.Subject != "wallet" || w.JKT == "") {
			t.Errorf("took %q as %+v", text, w)
		}
		var why *openid4vci.AttestationError
		if err != nil && !errors.As(err, &why) {
			t.Errorf("%T", err)
		}
		w = openid4vci.WalletAttestation{Subject: "wallet", Key: w.Key}
		if _, err := openid4vci.ReadAttestationPoP(text, w, issuer, a.now); err == nil {
			t.Errorf("took %q for a proof", text)
		}
	})
}

// FuzzAttestationClaims signs any claims with the provider's own key.
//
//clause:as attestation-based client authentication draft-11 (and -07, which OpenID4VCI 1.0 pins), 4, 7.1; HAIP 1.0, 4.4.1: typ, x5c to the root of the provider that lists the wallet, no anchor, not self-signed, sub, cnf, times
func FuzzAttestationClaims(f *testing.F) {
	a := newAttesting(f)
	a.now = now
	f.Add(`{"sub":"w","exp":1900000000,"cnf":{"jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}}`)
	f.Add(`{"iat":1e9,"exp":1e300,"attested_keys":[{"kty":"oct","k":"AA"}],"key_storage":[],"status":{}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, claims string) {
		var why *openid4vci.AttestationError
		for _, typ := range []string{openid4vci.WalletAttestationTyp, openid4vci.KeyAttestationTyp, openid4vci.AttestationPoPTyp} {
			compact, err := wallettest.SignRaw(a.Key(), map[string]any{"alg": "ES256", "typ": typ, "x5c": a.X5C()}, claims)
			if err != nil {
				t.Fatal(err)
			}
			w, err := openid4vci.ReadWalletAttestation(compact, a.roots, time.Now())
			if err == nil && (w.Subject == "" || w.Key.Key == nil) || err != nil && !errors.As(err, &why) {
				t.Errorf("%+v, %v", w, err)
			}
			k, err := openid4vci.ReadKeyAttestation(t.Context(), compact, openid4vci.KeyAttestations{Roots: a.roots}, true, time.Now())
			if err == nil && len(k.Keys) == 0 || err != nil && !errors.As(err, &why) {
				t.Errorf("%+v, %v", k, err)
			}
		}
	})
}
