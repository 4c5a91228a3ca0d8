package sdk_test

import (
	"context"
	"fmt"
	"html"
	"log"
	"net/http"
	"time"

	"github.com/govmydata/mydata/sdk"
)

// A provider: one function that finds a record, one for each fact derived.
func ExampleProvider() {
	trust, err := sdk.LoadTrust("trust")
	keys, err2 := sdk.LoadKeys("keys")
	journal, err3 := sdk.OpenFileJournal("journal")
	provider, err4 := sdk.NewProvider(sdk.ProviderConfig{
		Trust: trust, Keys: keys, Journal: journal,
		DataSets: map[string]sdk.DataSet{"health-checkup": {
			Load: func(ctx context.Context, who sdk.Subject) (sdk.Record, error) {
				return sdk.One(findCheckups(ctx, who.ResidentID)) // none or several: refused
			},
			Derive: map[string]func(sdk.Record) (any, error){
				"vision_ok": func(r sdk.Record) (any, error) {
					return r["vision_left"].(float64) >= 0.5 && r["vision_right"].(float64) >= 0.5, nil
				},
			},
		}},
	})
	if err := first(err, err2, err3, err4); err != nil {
		log.Fatal(err)
	}
	http.Handle("/release", provider)
	server := http.Server{Addr: ":443", ReadTimeout: 20 * time.Second} // net/http waits for ever otherwise
	log.Fatal(server.ListenAndServeTLS("tls.crt", "tls.key"))
}

// A consumer: the browser goes to the hub and comes back with the facts.
func ExampleConsumer() {
	consumer, err := sdk.NewConsumer(config()) // trust, keys, journal, client id, redirect URI
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /renew", func(w http.ResponseWriter, r *http.Request) {
		to, err := consumer.Ask(r.Context(), sdk.Need{
			Subject: sub(r), DataSet: "health-checkup", Purpose: "driving-licence-renewal",
			Claims: []string{"vision_ok", "hearing_ok"}, Uses: 2, For: 30 * 24 * time.Hour,
		})
		show(w, err, func() { remember(w, to.State); http.Redirect(w, r, to.URL, http.StatusSeeOther) })
	})
	http.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		release, err := consumer.Complete(r.Context(), remembered(r), r.URL.Query())
		show(w, err, func() { fmt.Fprintln(w, release.Claims["vision_ok"], release.GrantID) })
	})
	http.HandleFunc("POST /again/{grant}", func(w http.ResponseWriter, r *http.Request) {
		release, err := consumer.Again(r.Context(), r.PathValue("grant")) // sdk.Reason(err) == "withdrawn"
		show(w, err, func() { fmt.Fprintln(w, release.Claims["vision_ok"]) })
	})
	server := http.Server{Addr: ":443", ReadTimeout: 20 * time.Second,
		Handler: http.NewCrossOriginProtection().Handler(http.DefaultServeMux)} // no other site presses the button
	log.Fatal(server.ListenAndServeTLS("tls.crt", "tls.key"))
}

// A verifier: a presentation, the nonce you gave, and who you are.
func ExampleVerifier() {
	trust, err := sdk.LoadTrust("trust")
	verifier, err2 := sdk.NewVerifier(sdk.VerifierConfig{Trust: trust, Types: []string{sdk.ResidentCard}})
	if err := first(err, err2); err != nil {
		log.Fatal(err)
	}
	result, err := verifier.Verify(context.Background(), presentation, sdk.Expect{Nonce: nonce, Audience: clientID})
	if err != nil {
		log.Fatal(err) // names the check that failed
	}
	fmt.Println(result.Claims["family_name"])
}

// An issuer: one function that finds what a document says.
func ExampleIssuer() {
	signer, chain, err := sdk.LoadDocumentKeys("keys") // certified for URL, by the CA of credential issuers
	issuer, err2 := sdk.NewIssuer(context.Background(), sdk.IssuerConfig{
		Trust: trust, Keys: keys, Journal: journal, // as above
		URL: "https://residents.example/documents", Signer: signer, Chain: chain,
		Documents: map[string]sdk.Document{"extract": {
			Type: "urn:example:resident-extract:1", Claims: []string{"address", "household"},
			Load: func(ctx context.Context, who sdk.Subject) (sdk.Record, error) {
				return sdk.One(findExtracts(ctx, who.ResidentID))
			},
		}},
	})
	if err := first(err, err2); err != nil {
		log.Fatal(err)
	}
	issuer.Mount(http.DefaultServeMux) // beside pages of your own
	http.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		link, err := issuer.Offer("extract")
		show(w, err, func() { fmt.Fprintf(w, `<a href="%s">Add to phone</a>`, html.EscapeString(link)) })
	})
	server := http.Server{Addr: ":443", ReadTimeout: 20 * time.Second} // net/http waits for ever otherwise
	log.Fatal(server.ListenAndServeTLS("tls.crt", "tls.key"))
}

var (
	trust   sdk.Trust
	keys    sdk.Keys
	journal sdk.Journal
)

// What the examples take from the agency's own program.
var presentation, nonce, clientID string

func config() sdk.ConsumerConfig                         { return sdk.ConsumerConfig{} }
func sub(*http.Request) string                           { return "" }
func remember(http.ResponseWriter, string)               {}
func remembered(*http.Request) string                    { return "" }
func findExtracts(context.Context, string) []sdk.Record  { return nil }
func findCheckups(context.Context, string) []sdk.Record  { return nil }
func show(w http.ResponseWriter, err error, good func()) { _, _, _ = w, err, good }
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
