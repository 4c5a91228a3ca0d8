package statuslist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/fetch"
)

// raw makes a JWT of a header and a payload as they are written, signed.
func raw(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, payload string) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: header}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

//clause:status 4.2, 5.1: the JWT, its typ, what it has to say; ES256 alone, so no MAC and no `none`
func TestVerifyRefusesHostileJWTs(t *testing.T) {
	key, other := newKey(t), newKey(t)
	const uri = "https://a.example/1"
	body := func(list string) string {
		return fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d,"status_list":%s}`, uri, now.Unix(), now.Unix()+60, list)
	}
	good := body(`{"bits":1,"lst":"eNrbuRgAAhcBXQ"}`)
	typ := map[jose.HeaderKey]any{"typ": Type}
	with := func(name jose.HeaderKey, value any) map[jose.HeaderKey]any {
		return map[jose.HeaderKey]any{"typ": Type, name: value}
	}
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	signedBy := raw(t, jose.ES256, key, typ, good)
	parts := strings.Split(signedBy, ".")
	chain := make([]string, maxChain+1)
	for i := range chain {
		chain[i] = "AQ=="
	}
	for _, c := range []struct {
		name, jwt string
		says      string
		err       error
	}{
		{name: "it takes the good one", jwt: signedBy},
		{"it refuses alg none", b64(`{"alg":"none","typ":"statuslist+jwt"}`) + "." + parts[1] + ".", "", ErrMalformed},
		{"it refuses an empty signature", parts[0] + "." + parts[1] + ".", "", ErrUntrusted},
		{"it refuses two parts", parts[0] + "." + parts[1], "", ErrMalformed},
		{"it refuses four parts", signedBy + "." + parts[2], "", ErrMalformed},
		{"it refuses JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "", ErrMalformed},
		{"it refuses a header that says alg twice", b64(`{"alg":"ES256","alg":"none","typ":"statuslist+jwt"}`) + "." + parts[1] + "." + parts[2], "", ErrMalformed},
		{"it refuses no typ", raw(t, jose.ES256, key, nil, good), "typ", ErrMalformed},
		{"it refuses a typ that is a number", raw(t, jose.ES256, key, map[jose.HeaderKey]any{"typ": 1}, good), "header:", ErrMalformed},
		{"it refuses the typ of a credential", raw(t, jose.ES256, key, map[jose.HeaderKey]any{"typ": "dc+sd-jwt"}, good), "typ", ErrMalformed},
		{"it refuses the CWT's typ", raw(t, jose.ES256, key, map[jose.HeaderKey]any{"typ": "statuslist+cwt"}, good), "typ", ErrMalformed},
		{"it refuses a critical header", raw(t, jose.ES256, key, map[jose.HeaderKey]any{"typ": Type, "crit": []string{"x"}, "x": 1}, good), "crit", ErrMalformed},
		{"it refuses a chain that is not base64", raw(t, jose.ES256, key, with("x5c", []string{"!"}), good), "", ErrMalformed},
		{"it refuses a chain that is text", b64(`{"alg":"ES256","typ":"statuslist+jwt","x5c":"AQ=="}`) + "." + parts[1] + "." + parts[2], "", ErrMalformed},
		{"it refuses an endless chain", b64(`{"alg":"ES256","typ":"statuslist+jwt","x5c":["`+strings.Join(chain, `","`)+`"]}`) + "." + parts[1] + "." + parts[2], "", ErrMalformed},
		{"it refuses the key that a header brings", raw(t, jose.ES256, other, with("jwk", jose.JSONWebKey{Key: other.Public()}), good), "signature", ErrUntrusted},
		{"it refuses a key by address", raw(t, jose.ES256, other, with("jku", "https://evil.example/keys"), good), "signature", ErrUntrusted},
		{"it refuses a chain by address", raw(t, jose.ES256, other, with("x5u", "https://evil.example/chain"), good), "signature", ErrUntrusted},
		{"it refuses sub twice", raw(t, jose.ES256, key, typ, strings.Replace(good, `{"sub"`, `{"sub":"x","sub"`, 1)), "payload", ErrMalformed},
		{"it refuses bits twice", raw(t, jose.ES256, key, typ, body(`{"bits":2,"bits":1,"lst":"eNrbuRgAAhcBXQ"}`)), "payload", ErrMalformed},
		{"it refuses SUB for sub", raw(t, jose.ES256, key, typ, strings.Replace(good, `"sub"`, `"SUB"`, 1)), "sub", ErrMalformed},
		{"it refuses what follows the payload", raw(t, jose.ES256, key, typ, good+"{}"), "payload", ErrMalformed},
		{"it refuses what is no object", raw(t, jose.ES256, key, typ, `[]`), "payload", ErrMalformed},
		{"it refuses text that is no UTF-8", raw(t, jose.ES256, key, typ, strings.Replace(good, "a.example", "a\xff.example", 1)), "sub", ErrMalformed},
		{"it refuses a list that is text", raw(t, jose.ES256, key, typ, body(`"eNrbuRgAAhcBXQ"`)), "payload", ErrMalformed},
		{"it refuses a list of null", raw(t, jose.ES256, key, typ, body(`null`)), "bits", ErrMalformed},
		{"it refuses bits in text", raw(t, jose.ES256, key, typ, body(`{"bits":"1","lst":"eNrbuRgAAhcBXQ"}`)), "payload", ErrMalformed},
		{"it refuses negative bits", raw(t, jose.ES256, key, typ, body(`{"bits":-1,"lst":"eNrbuRgAAhcBXQ"}`)), "bits", ErrMalformed},
		{"it refuses no bits", raw(t, jose.ES256, key, typ, body(`{"bits":0,"lst":"eNrbuRgAAhcBXQ"}`)), "bits", ErrMalformed},
		{"it refuses sixteen bits", raw(t, jose.ES256, key, typ, body(`{"bits":16,"lst":"eNrbuRgAAhcBXQ"}`)), "bits", ErrMalformed},
		{"it refuses a list padded in base64", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"eNrbuRgAAhcBXQ=="}`)), "lst", ErrMalformed},
		{"it refuses a list with bits that mean nothing", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"eNrbuRgAAhcBXR"}`)), "lst", ErrMalformed},
		{"it refuses a list in two lines", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"eNrbuRgA\nAhcBXQ"}`)), "lst", ErrMalformed},
		{"it refuses a list that breaks off", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"eNrbuRgAAhcB"}`)), "lst", ErrMalformed},
		{"it refuses a list with bytes after it", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"eNrbuRgAAhcBXQA"}`)), "follow", ErrMalformed},
		{"it refuses a list of gzip", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"H4sIAAAAAAAA"}`)), "lst", ErrMalformed},
		{"it refuses a bomb", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"`+deflate(t, 16<<20)+`"}`)), "bytes", ErrMalformed},
		{"it refuses an exp beyond all time", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"exp":1e300,"x":`, 1)), "no time", ErrMalformed},
		{"it refuses an exp beyond all numbers", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"exp":1e999,"x":`, 1)), "payload", ErrMalformed},
		{"it refuses a negative exp", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"exp":-1,"x":`, 1)), "no time", ErrMalformed},
		{"it refuses an exp in text", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"exp":"x","x":`, 1)), "payload", ErrMalformed},
		{"it refuses a negative nbf", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"nbf":-1,"exp":`, 1)), "no time", ErrMalformed},
		{"it refuses an oversized ttl", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"ttl":9007199254740993,"exp":`, 1)), "ttl", ErrMalformed},
		{"it refuses a negative ttl", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"ttl":-10,"exp":`, 1)), "ttl", ErrMalformed},
		{"it refuses a ttl in text", raw(t, jose.ES256, key, typ, strings.Replace(good, `"exp":`, `"ttl":"10","exp":`, 1)), "payload", ErrMalformed},
		{"it refuses an aggregation that is no text", raw(t, jose.ES256, key, typ, body(`{"bits":1,"lst":"eNrbuRgAAhcBXQ","aggregation_uri":1}`)), "payload", ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.err
			_, err := Verify(c.jwt, uri, now, trusts(key))
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Fatalf("got %v, want %v", err, want)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
}

//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestClientRefusesHostileHosts(t *testing.T) {
	h, key := newHost(t), newKey(t)
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), List: listOf(t)})
	good := h.answer
	typed := func(media string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			_, _ = w.Write(body)
		}
	}
	to := func(where string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, where, http.StatusTemporaryRedirect) }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		err    error
	}{
		{"it refuses a redirect to a private network", to("https://10.0.0.1/list"), ErrUnavailable},
		{"it refuses a redirect to where a cloud keeps its secrets", to("https://169.254.169.254/latest"), ErrUnavailable},
		{"it refuses a redirect to a private network of IPv6", to("https://[fd00::1]/list"), ErrUnavailable},
		{"it refuses a redirect to an address in disguise", to("https://[::ffff:10.0.0.1]/list"), ErrUnavailable},
		{"it refuses a redirect to a file", to("file:///etc/passwd"), ErrUnavailable},
		{"it refuses a redirect with a password", to("https://a:b@192.0.2.1/list"), ErrUnavailable},
		{"it refuses a JWT called a CWT", func(w http.ResponseWriter, r *http.Request) {
			good(typedWriter{w, MediaTypeCWT}, r)
		}, ErrMalformed},
		{"it refuses a CWT called a JWT", typed(MediaType, forge(t, key, nil)), ErrMalformed},
		{"it refuses no content type", typed("", nil), ErrUnavailable},
		{"it refuses a content type that cannot be read", typed(MediaType+"; =", nil), ErrUnavailable},
		{"it refuses an aggregation for a list", typed("application/json", []byte(`{"status_lists":[]}`)), ErrUnavailable},
		{"it refuses nothing", typed(MediaType, nil), ErrMalformed},
		{"it refuses a bomb of gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", MediaType)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped(t, 32<<20))
		}, ErrMalformed},
		{"it refuses what says gzip and is not", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			good(w, r)
		}, ErrUnavailable},
		{"it refuses a body that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", MediaType)
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("x"))
		}, ErrUnavailable},
		{"it refuses 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, ErrUnavailable},
		{"it refuses 404", http.NotFound, ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.answer = c.answer
			client := &Client{Development: true, Now: func() time.Time { return now }}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := client.Status(ctx, Reference{URI: h.URL + "/list"}, trusts(key)); !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, uri := range []string{"https://localhost.localdomain.invalid/x", "https://0x7f.1/", "https://[::]/", "https://0/", "https://127.0.0.1:1/"} {
		client := &Client{Now: func() time.Time { return now }}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := client.Status(ctx, Reference{URI: uri}, trusts(key)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("it refuses %s: %v", uri, err)
		}
		cancel()
	}
}

// What a name leads to is judged by pkg/fetch, for development and outside of it.
//
//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestClientRefusesNamesOfThisMachine(t *testing.T) {
	asked := false
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(secure.Close)
	uri := strings.Replace(secure.URL, "127.0.0.1", "localhost", 1)
	if _, err := new(Client).Status(t.Context(), Reference{URI: uri}, distrusts); !errors.Is(err, ErrUnavailable) || !errors.Is(err, fetch.ErrAddress) || asked {
		t.Errorf("a name that leads here was followed: %v", err)
	}
}

type typedWriter struct {
	http.ResponseWriter
	media string
}

func (w typedWriter) Write(p []byte) (int, error) {
	w.Header().Set("Content-Type", w.media)
	return w.ResponseWriter.Write(p)
}

func zipped(t *testing.T, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	chunk := bytes.Repeat([]byte("a"), 1<<20)
	for range size / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

//clause:status 11.5: ttl and exp in bounds; one fetch for all who ask at once; no flood at a host that fails
func TestClientAsksOnceForMany(t *testing.T) {
	h, key := newHost(t), newKey(t)
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), TTL: time.Minute, List: listOf(t, 5)})
	good, hold := h.answer, make(chan struct{})
	h.answer = func(w http.ResponseWriter, r *http.Request) { <-hold; good(w, r) }
	client := &Client{Development: true, Now: func() time.Time { return now }}
	ref := Reference{URI: h.URL + "/list", Index: 5}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Status(impatient, ref, trusts(key)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("it stops waiting when asked to: %v", err)
	}
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			trust, want := trusts(key), error(nil)
			if i%2 == 1 {
				trust, want = distrusts, ErrUntrusted
			}
			if got, err := client.Status(t.Context(), ref, trust); !errors.Is(err, want) || want == nil && got != Invalid {
				t.Errorf("%d, %v", got, err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(hold)
	wait.Wait()
	if n := h.fetches.Load(); n > 2 { // a late one may find an entry that nobody was trusted for
		t.Errorf("%d fetches for 33 that asked at once", n)
	}
}

//clause:status 11.5: ttl and exp in bounds; one fetch for all who ask at once; no flood at a host that fails
func TestClientDoesNotFloodAHostThatFails(t *testing.T) {
	h, clock := newHost(t), now
	h.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	client := &Client{Development: true, Now: func() time.Time { return clock }}
	for range 10 {
		if _, err := client.Status(t.Context(), Reference{URI: h.URL + "/list"}, distrusts); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	if n := h.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within %v", n, failureTTL)
	}
	clock = now.Add(failureTTL)
	_, _ = client.Status(t.Context(), Reference{URI: h.URL + "/list"}, distrusts)
	if n := h.fetches.Load(); n != 2 {
		t.Errorf("%d fetches afterwards", n)
	}
}

//clause:status 8.2: content types, bodies raw; gzip for the JWT; redirects followed; exp and ttl before HTTP's caching
func TestClientPrefersTheTokensWordOverHTTPs(t *testing.T) {
	h, key, clock := newHost(t), newKey(t), now
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), TTL: 48 * time.Hour, List: listOf(t)})
	good := h.answer
	h.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store, max-age=0")
		good(w, r)
	}
	client := &Client{Development: true, Now: func() time.Time { return clock }}
	for _, after := range []time.Duration{0, 59 * time.Minute} {
		clock = now.Add(after)
		if _, err := client.Status(t.Context(), Reference{URI: h.URL + "/list"}, trusts(key)); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within exp and ttl", n)
	}
}

//clause:status 11.5: ttl and exp in bounds; one fetch for all who ask at once; no flood at a host that fails
func TestClientBoundsTheTTL(t *testing.T) {
	e := &entry{}
	e.keep(signed{token: Token{IssuedAt: now, TTL: 365 * 24 * time.Hour, List: listOf(t)}}, now)
	if e.until.Sub(now) != maxTTL {
		t.Errorf("it keeps a list for %v", e.until.Sub(now))
	}
}

func TestClientSlims(t *testing.T) {
	client := &Client{}
	for i := range 20 {
		list, err := FromBytes(1, make([]byte, MaxList))
		if err != nil {
			t.Fatal(err)
		}
		e := client.entry(fmt.Sprint(i))
		e.token.List = list
		client.slim(fmt.Sprint(i))
	}
	if n := len(client.cached); n*MaxList > maxCachedBytes {
		t.Errorf("%d lists of %d bytes are kept", n, MaxList)
	}
}

//clause:status 8.1: GET, content negotiation, CORS
func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"": MediaType, "*/*": MediaType, "application/*": MediaType, MediaType: MediaType, MediaTypeCWT: MediaTypeCWT,
		"application/statuslist+cwt, application/statuslist+jwt;q=0.5": MediaTypeCWT,
		"application/statuslist+jwt;q=0, */*":                          MediaTypeCWT,
		"text/html, */*;q=0.1":                                         MediaType,
		"text/html":                                                    "", "*/*;q=0": "", "application/statuslist+jwt;q=2": "", ";": "",
		"application/statuslist+cwt;q=x, application/statuslist+jwt": MediaType,
	} {
		if got := Negotiate(accept); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
}

// A list of another URI's key does not open another's.
//
//clause:status 11.3: the signer is asked of the caller's trust, for each look-up
func TestClientAsksTrustForEach(t *testing.T) {
	h, key := newHost(t), newKey(t)
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), List: listOf(t)})
	client := &Client{Development: true, Now: func() time.Time { return now }}
	asked := 0
	trust := func([][]byte) (crypto.PublicKey, error) { asked++; return key.Public(), nil }
	for range 3 {
		if _, err := client.Status(t.Context(), Reference{URI: h.URL + "/list"}, trust); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 3 {
		t.Errorf("trust was asked %d times for 3 look-ups", asked)
	}
}
