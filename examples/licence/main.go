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

const clientID = "driving-licence"

func main() {
	settings := page.Flags("licence", "driving-licence", "8083")
	printClient := flag.Bool("print-client", false, "print what to register at the hub (idp client add), and stop")
	flag.Parse()
	if err := run(settings, *printClient); err != nil {
		fmt.Fprintln(os.Stderr, "licence:", err)
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
	consumer, signals, err := open(settings, development)
	if err != nil {
		return err
	}
	if printClient {
		return json.NewEncoder(os.Stdout).Encode(consumer.Registration())
	}
	records, err := sdk.OpenFileJournal(filepath.Join(settings.Data, "records"))
	if err != nil {
		return err
	}
	pages := page.New(page.Options{
		Service: "licence", Files: pageFiles(), Leads: []string{settings.Hub}, Secure: !development, Logger: slog.Default(),
	})
	handler := &site{consumer: consumer, signals: signals, records: records, sessions: page.NewSessions[session](pages), pages: pages}
	return page.Serve(settings, handler.routes())
}

// open is all that the SDK needs.
func open(settings *page.Settings, development bool) (*sdk.Consumer, *sdk.Signals, error) {
	trust, err := sdk.LoadTrust(settings.Trust)
	if err != nil {
		return nil, nil, err
	}
	if trust.Issuer != settings.Hub {
		return nil, nil, fmt.Errorf("--hub %s is not the hub of the trust folder, %s", settings.Hub, trust.Issuer)
	}
	keys, err := sdk.LoadKeys(settings.Identity)
	if err != nil {
		return nil, nil, err
	}
	journal, err := sdk.OpenFileJournal(filepath.Join(settings.Data, "journal"))
	if err != nil {
		return nil, nil, err
	}
	consumer, err := sdk.NewConsumer(sdk.ConsumerConfig{
		Trust: trust, Keys: keys, Journal: journal, ClientID: clientID,
		RedirectURI: strings.TrimSuffix(settings.URL, "/") + "/callback", AllowLoopback: development,
	})
	if err != nil {
		return nil, nil, err
	}
	signals, err := sdk.NewSignals(sdk.SignalsConfig{
		Trust: trust, Keys: keys, Journal: journal, Consumer: consumer, AllowLoopback: development,
	})
	return consumer, signals, err
}

func pageFiles() fs.FS {
	sub, err := fs.Sub(files, "page")
	if err != nil {
		panic(err)
	}
	return sub
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /renew", s.renew)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("GET /renewal/{grant}", s.renewal)
	mux.HandleFunc("POST /renewal/{grant}/again", s.again)
	mux.HandleFunc("GET /renewal/{grant}/receipt", s.receipt)
	mux.HandleFunc("POST /logout", s.logout)
	outer := http.NewServeMux()
	outer.Handle("/signals", s.signals)                    // what the hub tells: no cookie, no page headers
	outer.Handle("/withdrawals", s.consumer.Withdrawals()) // a citizen's own word: no cookie either
	outer.Handle("/", s.pages.Handler(mux))
	return outer
}
