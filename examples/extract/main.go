package main

import (
	"context"
	"embed"
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

//go:embed extracts.csv
var extracts []byte

func main() {
	settings := page.Flags("extract", "town-hall", "8085")
	wallet := flag.String("wallet", "", "the demo wallet's address, for a button that opens it; none by default")
	flag.Parse()
	if err := run(settings, *wallet); err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func run(settings *page.Settings, wallet string) error {
	development, err := settings.Development()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(settings.Data, 0o700); err != nil {
		return err
	}
	s := &site{hub: settings.Hub, wallet: strings.TrimSuffix(wallet, "/")}
	if err := s.open(settings, development); err != nil {
		return err
	}
	s.pages = page.New(page.Options{Service: "extract", Files: pageFiles(), Secure: !development, Logger: slog.Default()})
	return page.Serve(settings, s.routes())
}

func pageFiles() fs.FS {
	sub, err := fs.Sub(files, "page")
	if err != nil {
		panic(err)
	}
	return sub
}

// open is all that the SDK needs, for three doors.
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
	signer, chain, err := sdk.LoadDocumentKeys(settings.Identity)
	if err != nil {
		return err
	}
	records, err := readRegister(extracts)
	if err != nil {
		return err
	}
	journal, err := sdk.OpenFileJournal(filepath.Join(settings.Data, "journal"))
	if err != nil {
		return err
	}
	url := strings.TrimSuffix(settings.URL, "/") + "/documents"
	if s.issuer, err = sdk.NewIssuer(context.Background(), sdk.IssuerConfig{
		Trust: trust, Keys: keys, Journal: journal, AllowLoopback: development,
		URL: url, Signer: signer, Chain: chain,
		Name:      map[string]string{"en": "Town Hall (demo)", "ko": "행정복지센터 (데모)"},
		Documents: map[string]sdk.Document{extract: document(url, records)}, Issued: s.issued,
	}); err != nil {
		return err
	}
	if s.provider, err = sdk.NewProvider(sdk.ProviderConfig{
		Trust: trust, Keys: keys, Journal: journal, AllowLoopback: development,
		DataSets: map[string]sdk.DataSet{extract: {Load: records.load, Derive: derive}},
	}); err != nil {
		return err
	}
	s.signals, err = sdk.NewSignals(sdk.SignalsConfig{
		Trust: trust, Keys: keys, Journal: journal, Provider: s.provider, AllowLoopback: development,
	})
	return err
}

// extract is the name of the document, and of the data set.
const extract = "resident-extract"

// document is described at its type's address, so that a verifier's page calls it,
// and what it says, as we do.
func document(url string, records register) sdk.Document {
	return sdk.Document{
		Type: url + "/types/" + extract, Load: records.load,
		Claims:  []string{"name", "address", "household", "moved_in"},
		Display: map[string]string{"en": "Resident extract", "ko": "주민등록 초본"},
		Labels: map[string]map[string]string{
			"name": {"en": "Name", "ko": "이름"}, "address": {"en": "Address", "ko": "주소"},
			"household": {"en": "People in the household", "ko": "세대원 수"}, "moved_in": {"en": "Living there since", "ko": "전입일"},
		},
	}
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	outer := http.NewServeMux()
	s.issuer.Mount(outer)                // wallets
	outer.Handle("/release", s.provider) // agencies' programs: no cookie, no page headers
	outer.Handle("/signals", s.signals)  // what the hub tells
	outer.Handle("/", s.pages.Handler(mux))
	return outer
}
