package admit_test

import (
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/admit"
	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/sdk"
)

// loan is a consumer as README.md has it, which asks once. Its pages are what
// browsers read, and no XML.
func loan(consumer *sdk.Consumer, p admit.Plan) http.Handler {
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, err error, good string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err != nil {
			w.WriteHeader(map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusConflict}[errors.Is(err, sdk.ErrUnavailable)])
			good = html.EscapeString(err.Error())
		}
		fmt.Fprintf(w, "<!doctype html><html lang=en><script>if (1<2) { }</script><h1>Loans</h1><p>%s<br><input disabled>", good)
	}
	leave := func(w http.ResponseWriter, r *http.Request, step string, to sdk.Redirect, err error) {
		if err != nil {
			page(w, err, "")
			return
		}
		for name, value := range map[string]string{"step": step, "state": to.State} {
			http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		http.Redirect(w, r, to.URL, http.StatusSeeOther)
	}
	kept := func(r *http.Request, name string) string {
		c, err := r.Cookie(name)
		if err != nil {
			return ""
		}
		return c.Value
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		page(w, nil, "<FORM METHOD=post ACTION=/loan><button>Ask</button></FORM>")
	})
	mux.HandleFunc("POST /loan", func(w http.ResponseWriter, r *http.Request) {
		to, err := consumer.Login(r.Context())
		leave(w, r, "login", to, err)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		if kept(r, "step") != "login" {
			_, err := consumer.Complete(r.Context(), kept(r, "state"), r.URL.Query())
			page(w, err, "granted")
			return
		}
		who, err := consumer.LoggedIn(r.Context(), kept(r, "state"), r.URL.Query())
		if err != nil {
			page(w, err, "")
			return
		}
		to, err := consumer.Ask(r.Context(), sdk.Need{Subject: who.Sub, DataSet: p.DataSet.ID, Purpose: p.Purpose.Code, Claims: p.Claims, Optional: p.Optional})
		leave(w, r, "ask", to, err)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

//clause:admission what a consumer must do, through its pages; each flaw told by its own case
func TestAConsumerOfOneUsePasses(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, site := plan(t), "http://"+listener.Addr().String()
	p.Site = admit.Site{ClientID: "loans", RedirectURI: site + "/callback", Form: "/loan", Withdrawn: []string{"withdrawn"}}
	b, folder := open(t, admit.Options{Plan: p, URL: site + "/", ProofTime: 20 * time.Second}, "consumer")
	trust, err1 := sdk.LoadTrust(filepath.Join(folder, "trust"))
	keys, err2 := sdk.LoadKeys(filepath.Join(folder, "identity"))
	journal, err3 := sdk.OpenFileJournal(filepath.Join(t.TempDir(), "journal"))
	consumer, err4 := sdk.NewConsumer(sdk.ConsumerConfig{Trust: trust, Keys: keys, Journal: journal, ClientID: "loans",
		RedirectURI: site + "/callback", AllowLoopback: true, PromiseInterval: time.Second})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { consumer.Close() })
	server := &http.Server{Handler: loan(consumer, p), ReadTimeout: 20 * time.Second}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	r, err := b.Consumer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if failed := r.Failed(); len(failed) > 0 || r.Count(report.Skipped) != 3 {
		t.Errorf("%q, %d skipped", failed, r.Count(report.Skipped))
	}
}
