package main

import (
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/sdk"
)

//go:embed page
var files embed.FS

const clientID = "housing-benefit"

func main() {
	settings := page.Flags("portal", "housing-benefit", "8086")
	printClient := flag.Bool("print-client", false, "print what to register at the hub (idp client add), and stop")
	flag.Parse()
	if err := run(settings, *printClient); err != nil {
		fmt.Fprintln(os.Stderr, "portal:", err)
		os.Exit(1)
	}
}

func run(settings *page.Settings, printClient bool) error {
	development, err := settings.Development()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(settings.Data, 0o700); err != nil {
		return err
	}
	s := &site{}
	if err := s.open(settings, development); err != nil {
		return err
	}
	if printClient {
		return json.NewEncoder(os.Stdout).Encode(s.consumer.Registration())
	}
	if s.records, err = sdk.OpenFileJournal(filepath.Join(settings.Data, "records")); err != nil {
		return err
	}
	s.show(page.Options{Service: "portal", Files: pageFiles(), Leads: []string{settings.Hub}, Secure: !development, Logger: slog.Default()})
	return page.Serve(settings, s.routes())
}

func pageFiles() fs.FS {
	sub, err := fs.Sub(files, "page")
	if err != nil {
		panic(err)
	}
	return sub
}

// open is all that the SDK needs.
func (s *site) open(settings *page.Settings, development bool) error {
	trust, err := sdk.LoadTrust(settings.Trust)
	if err != nil {
		return err
	}
	if trust.Issuer != settings.Hub {
		return fmt.Errorf("--hub %s is not the hub of the trust folder, %s", settings.Hub, trust.Issuer)
	}
	keys, err := sdk.LoadKeys(settings.Identity)
	if err != nil {
		return err
	}
	journal, err := sdk.OpenFileJournal(filepath.Join(settings.Data, "journal"))
	if err != nil {
		return err
	}
	if s.consumer, err = sdk.NewConsumer(sdk.ConsumerConfig{
		Trust: trust, Keys: keys, Journal: journal, ClientID: clientID,
		RedirectURI: strings.TrimSuffix(settings.URL, "/") + "/callback", AllowLoopback: development,
	}); err != nil {
		return err
	}
	s.signals, err = sdk.NewSignals(sdk.SignalsConfig{
		Trust: trust, Keys: keys, Journal: journal, Consumer: s.consumer, Handle: s.heard, AllowLoopback: development,
	})
	return err
}

func (s *site) show(o page.Options) {
	s.pages = page.New(o)
	s.sessions = page.NewSessions[session](s.pages)
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /apply", s.apply)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("GET /application", s.application)
	mux.HandleFunc("POST /grants/{grant}/again", s.again)
	mux.HandleFunc("GET /grants/{grant}/receipt", s.receipt)
	mux.HandleFunc("POST /logout", s.logout)
	outer := http.NewServeMux()
	outer.Handle("/signals", s.signals)                    // what the hub tells: no cookie, no page headers
	outer.Handle("/withdrawals", s.consumer.Withdrawals()) // a citizen's own word: no cookie either
	outer.Handle("/", s.pages.Handler(mux))
	return outer
}
