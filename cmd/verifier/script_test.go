package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"verifier": func() { os.Exit(run()) },
		"phone":    func() { os.Exit(phone(os.Args[1], os.Args[2])) },
	})
}

// phone is the scripted wallet: phone present|decline REQUEST, where REQUEST is
// a file that `verifier ask --json` wrote.
func phone(act, file string) int {
	body, err := os.ReadFile(file)
	if err != nil {
		return complain(err)
	}
	var placed struct{ Request string }
	if err := json.Unmarshal(body, &placed); err != nil {
		return complain(err)
	}
	roots, err := keys.ReadRoots(filepath.Join("data", "trust", "issuer-ca.pem"))
	if err != nil {
		return complain(err)
	}
	store, err := wallet.Open("wallet")
	if err != nil {
		return complain(err)
	}
	w := wallet.New(wallet.Config{Issuers: roots, Verifiers: roots, Development: true, Store: store,
		Presenting: wallet.Presenting{Types: openid4vp.Transactions(), Sealed: true}})
	asked, err := w.ReadRequest(context.Background(), placed.Request)
	if err != nil {
		return complain(err)
	}
	if act == "decline" {
		_, err = w.Decline(context.Background(), asked)
	} else {
		_, err = w.Present(context.Background(), asked, asked.Least())
	}
	if err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestScripts(t *testing.T) {
	issuer := wallettest.NewIssuer(t)
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error { return furnish(t, e, issuer) },
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"await": await, "result": result, "api": api, "keep": keep},
	})
}

// furnish makes what `idp keygen` and `idp trust export` make, a port, and a
// phone with a card.
func furnish(t *testing.T, e *testscript.Env, issuer *wallettest.Issuer) error {
	for _, name := range []string{"ADDRESS", "METRICS", "API"} {
		address, err := stage.Address()
		if err != nil {
			return err
		}
		e.Setenv(name, address)
	}
	key := wallettest.Key(t)
	leaf := issuer.Authority.Leaf(t, key.Public(), "Test verifier", "http://"+e.Getenv("ADDRESS"))[0]
	if err := writeFiles(e.WorkDir, issuer.URL, key, leaf, issuer.Authority.PEM()); err != nil {
		return err
	}
	store, err := wallet.Open(filepath.Join(e.WorkDir, "wallet"))
	if err != nil {
		return err
	}
	w := wallet.New(wallet.Config{Issuers: issuer.Authority.Pool(), Development: true, Store: store})
	offer, err := w.ReadOffer(context.Background(), issuer.Offer(t, true))
	if err != nil {
		return err
	}
	_, err = w.Accept(context.Background(), offer, "")
	return err
}

func writeFiles(dir, hub string, key *ecdsa.PrivateKey, leaf, ca []byte) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, body := range map[string][]byte{
		"data/verifier/key.pem":    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		"data/verifier/chain.pem":  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}),
		"data/trust/issuer-ca.pem": ca,
		"data/trust/hub.json":      []byte(`{"issuer": "` + hub + `"}`),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, body, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// await waits until an address answers 200.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		resp, err := http.Get(args[0])
		if err == nil {
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusOK {
				if len(args) > 1 { // await URL FILE
					ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o600))
				}
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Fatalf("%s does not answer", args[0])
}

// result runs `verifier result --json` with the id of a file that `verifier
// request --json` wrote.
func result(ts *testscript.TestScript, _ bool, args []string) {
	var placed struct{ ID string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &placed))
	ts.Check(ts.Exec("verifier", "result", "--json", placed.ID))
}

// api posts an order to relying parties' address: api TOKEN ORDER FILE writes the
// status and the answer.
func api(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest("POST", "http://"+ts.Getenv("API")+"/requests", strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+args[0])
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), fmt.Appendf(nil, "%s\n", body), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]+".status"), fmt.Appendf(nil, "%d\n", resp.StatusCode), 0o600))
}

// keep prints the record of a request that `verifier ask --json` placed.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	var placed struct{ ID string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &placed))
	ts.Check(ts.Exec("verifier", "record", "get", placed.ID))
}
