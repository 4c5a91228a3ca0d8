package main

import (
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/govmydata/mydata/examples/page"
	"github.com/govmydata/mydata/sdk"
)

//go:embed page
var files embed.FS

//go:embed checkups.csv
var checkups []byte

//go:embed premiums.csv
var premiums []byte

func main() {
	settings := page.Flags("insurer", "health-insurance", "8082")
	flag.Parse()
	if err := run(settings); err != nil {
		fmt.Fprintln(os.Stderr, "insurer:", err)
		os.Exit(1)
	}
}

func run(settings *page.Settings) error {
	development, err := settings.Development()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(settings.Data, 0o700); err != nil {
		return err
	}
	provider, signals, err := open(settings, development)
	if err != nil {
		return err
	}
	handler := &site{provider: provider, signals: signals, hub: settings.Hub, pages: page.New(page.Options{
		Service: "insurer", Files: pageFiles(), Secure: !development, Logger: slog.Default(),
	})}
	return page.Serve(settings, handler.routes())
}

func pageFiles() fs.FS {
	sub, err := fs.Sub(files, "page")
	if err != nil {
		panic(err)
	}
	return sub
}

// open is all that the SDK needs.
func open(settings *page.Settings, development bool) (*sdk.Provider, *sdk.Signals, error) {
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
	records, err := readTable(checkups)
	if err != nil {
		return nil, nil, err
	}
	paid, err := readTable(premiums)
	if err != nil {
		return nil, nil, err
	}
	journal, err := sdk.OpenFileJournal(filepath.Join(settings.Data, "journal"))
	if err != nil {
		return nil, nil, err
	}
	provider, err := sdk.NewProvider(sdk.ProviderConfig{
		Trust: trust, Keys: keys, Journal: journal, AllowLoopback: development,
		DataSets: map[string]sdk.DataSet{
			"health-checkup": {Load: records.load, Derive: derive},
			"health-premium": {Load: paid.load, Derive: derivePremium},
		},
	})
	if err != nil {
		return nil, nil, err
	}
	signals, err := sdk.NewSignals(sdk.SignalsConfig{
		Trust: trust, Keys: keys, Journal: journal, Provider: provider, AllowLoopback: development,
	})
	return provider, signals, err
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	outer := http.NewServeMux()
	outer.Handle("/release", s.provider) // agencies' programs: no cookie, no page headers
	outer.Handle("/signals", s.signals)  // what the hub tells
	outer.Handle("/", s.pages.Handler(mux))
	return outer
}
