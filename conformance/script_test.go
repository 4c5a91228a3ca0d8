package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"conformance": func() { os.Exit(run()) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			issuer := wallettest.NewIssuer(t)
			issuer.TxCode = "493536"
			verifier, err := serveRequest(t, issuer)
			if err != nil {
				return err
			}
			back, err := stage.Address()
			if err != nil {
				return err
			}
			e.Setenv("CALLBACK", "http://"+back+"/callback")
			e.Setenv("OFFER", issuer.Offer(t, true))
			e.Setenv("SIGNIN", issuer.Offer(t, false))
			e.Setenv("REQUEST", verifier)
			trust := filepath.Join(e.WorkDir, "data", "trust")
			if err := os.MkdirAll(trust, 0o700); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(trust, "issuer-ca.pem"), issuer.Authority.PEM(), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"browse": browse},
	})
}

// serveRequest is the least of a verifier: it hands out one request and says
// yes to whatever comes.
func serveRequest(t *testing.T, issuer *wallettest.Issuer) (link string, err error) {
	q, err := openid4vp.ParseQuery([]byte(`{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]},"claims":[{"path":["name"]}]}]}`))
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	host := httptest.NewServer(mux)
	t.Cleanup(host.Close)
	server := host.URL
	key := wallettest.Key(t)
	chain := issuer.Authority.Leaf(t, key.Public(), "Test verifier", server)
	r, err := openid4vp.NewRequest(openid4vp.ClientID(chain[0]), server+"/response", q, time.Now(), time.Minute)
	if err != nil {
		return "", err
	}
	mux.HandleFunc("POST /request", func(w http.ResponseWriter, req *http.Request) {
		object, err := r.Sign(key, chain, req.FormValue("wallet_nonce"))
		if err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		w.Header().Set("Content-Type", openid4vp.RequestMediaType)
		_, _ = io.WriteString(w, object)
	})
	mux.HandleFunc("POST /response", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}")
	})
	return r.URI(server + "/request"), nil
}

// browse waits for the address that a command in the background printed, and
// opens it as a browser would.
func browse(ts *testscript.TestScript, _ bool, args []string) {
	for range 500 {
		body, err := os.ReadFile(ts.MkAbs(args[0]))
		if m := regexp.MustCompile(`Open in a browser: (\S+)`).FindSubmatch(body); err == nil && m != nil {
			resp, err := http.Get(string(m[1]))
			ts.Check(err)
			ts.Check(resp.Body.Close())
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no address was printed")
}
