package admit_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/admit"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

var consumerMutants = []mutant{
	{name: "sends parameters through the browser", flaw: "through the browser", tells: []string{"pushes its request, and sends nothing but its name through the browser"}},
	{name: "authenticates for anybody", flaw: "assertion for anybody", tells: []string{"authenticates with a key, for this hub, once"}},
	{name: "signs requests for any hub", flaw: "for any hub", tells: []string{"signs its request object for this hub"}},
	{name: "uses no PKCE", flaw: "no PKCE", tells: []string{"uses PKCE with S256"}},
	{name: "does not bind its code", flaw: "unbound", tells: []string{"binds its tokens to a key (DPoP)"}},
	{name: "has one nonce", flaw: "one nonce", tells: []string{"uses a nonce that nobody guesses, once"}},
	{name: "has one salt", flaw: "one salt", tells: []string{"names the person who is logged in, with a fresh salt"}},
	{name: "has one recipient key", flaw: "one key", tells: []string{"makes a fresh recipient key for each grant"}},
	{name: "has one idempotency key", flaw: "one idempotency key", tells: []string{"uses an idempotency key of its own for each use"}},
	{name: "lets other sites press", flaw: "pressed by anybody", tells: []string{"lets no other site press its button"}},
	{name: "misses no iss", flaw: "no iss", tells: []string{"refuses an answer without iss"}},
	{name: "takes any iss", flaw: "any iss", tells: []string{"refuses an answer of another issuer (mix-up)"}},
	{name: "misses no state", flaw: "no state", tells: []string{"refuses an answer without state"}},
	{name: "takes any browser's answer", flaw: "any browser", tells: []string{"refuses an answer in another browser, and takes it in its own"}},
	{name: "takes an answer twice", flaw: "twice", tells: []string{"takes an answer once"}},
	{name: "shows a fault when denied", flaw: "faulty page", tells: []string{
		"shows a clear page when the citizen says no, and asks for no token", "answers nothing of this with a fault of its own (5xx)"}},
	{name: "shows nothing when denied", flaw: "bare denial", tells: []string{"shows a clear page when the citizen says no, and asks for no token"}},
	{name: "takes altered terms", skip: skipping{transfer.CheckNarrow, ""}, tells: []string{
		"refuses terms that the hub altered", "refuses another recipient key than its own", "refuses terms of another request"}},
	{name: "takes terms about anybody", skip: skipping{transfer.CheckSubject, ""}, tells: []string{"refuses terms about another person"}},
	{name: "takes any number", skip: skipping{transfer.CheckDetail, ""}, tells: []string{"refuses a use beyond the last"}},
	{name: "takes two transfers", flaw: "any details", tells: []string{"refuses a response for two transfers"}},
	{name: "takes bearer tokens", flaw: "bearer", tells: []string{"refuses a token that is bound to no key"}},
	{name: "takes anybody's answer", flaw: "other person", tells: []string{"refuses that another person answered"}},
	{name: "takes an id_token of any login", flaw: "id of any login", tells: []string{"refuses an id_token of another login"}},
	{name: "takes an id_token for anybody", flaw: "id for anybody", tells: []string{"refuses an id_token for another client"}},
	{name: "takes an id_token by anybody", flaw: "id by anybody", tells: []string{"refuses an id_token by another issuer"}},
	{name: "verifies no id_token", flaw: "unsigned id", tells: []string{"refuses an id_token that another key signed"}},
	{name: "takes an old id_token", flaw: "old id", tells: []string{"refuses an id_token that has expired"}},
	{name: "takes evidence by anybody", skip: skipping{transfer.CheckEvidence, "certificate is not"}, tells: []string{"refuses evidence that another agency signed"}},
	{name: "takes evidence of any CA", skip: skipping{transfer.CheckEvidence, "x509"}, tells: []string{"refuses evidence by a certificate of another CA"}},
	{name: "takes evidence of any data set", skip: skipping{transfer.CheckEvidence, "another data set"}, tells: []string{"refuses evidence of another data set"}},
	{name: "takes evidence about anybody", skip: skipping{transfer.CheckEvidenceWho, ""}, tells: []string{"refuses evidence about another person"}},
	{name: "takes evidence for anybody", skip: skipping{transfer.CheckEvidenceFor, ""}, tells: []string{"refuses evidence for another agency"}},
	{name: "takes evidence of any use", skip: skipping{transfer.CheckEvidenceUse, ""}, tells: []string{
		"refuses evidence of another grant", "refuses evidence of another use", "refuses evidence of other terms"}},
	{name: "takes old evidence", skip: skipping{transfer.CheckEvidenceTime, ""}, tells: []string{"refuses evidence of long ago"}},
	{name: "takes more claims", skip: skipping{transfer.CheckClaims, "not granted"}, tells: []string{"refuses more claims than were granted"}},
	{name: "takes fewer claims", skip: skipping{transfer.CheckClaims, "missing"}, tells: []string{"refuses fewer claims than were granted"}},
	{name: "opens nothing", flaw: "cannot open", tells: []string{"refuses what was sealed for another grant"}},
	{name: "takes any ciphertext", skip: skipping{transfer.CheckCiphertext, ""}, tells: []string{
		"refuses a commit of another ciphertext", "refuses a ciphertext that was changed on the way"}},
	{name: "takes any plaintext", skip: skipping{transfer.CheckPlaintext, "another plaintext"}, tells: []string{"refuses a commit of another plaintext"}},
	{name: "takes a commit of any use", skip: skipping{transfer.CheckCommit, "another grant, use"}, tells: []string{
		"refuses a commit of another use", "refuses the answer of an earlier use"}},
	{name: "takes a commit by anybody", skip: skipping{transfer.CheckCommit, "the commit is by"}, tells: []string{"refuses a commit that another agency signed"}},
	{name: "takes any promise", skip: skipping{transfer.CheckPromise, ""}, tells: []string{
		"refuses a promise that another key signed", "refuses a promise that echoes another nonce", "refuses a promise without a near deadline"}},
	{name: "takes no promise", flaw: "no promise", tells: []string{"refuses an answer without a promise"}},
	{name: "tells no provider", flaw: "tells no provider", tells: []string{"posts the countersignature to the hub, and to the provider"}},
	{name: "gives up on a busy provider", flaw: "gives up", tells: []string{"asks a busy provider again, with the same body"}},
	{name: "hides a withdrawal", flaw: "silent about withdrawal", tells: []string{"shows that a grant was withdrawn"}},
	{name: "never asks the log", flaw: "trusting", tells: []string{"asks the log for what the hub promised"}},
	{name: "shows evidence", flaw: "shows evidence", tells: []string{"shows no token and no evidence on a page"}},
	{name: "leaves its cookie open", flaw: "open cookie", tells: []string{"keeps its session in a cookie that neither scripts nor other sites get"}},
}

// walked runs the cases against a consumer that has all of these flaws.
func walked(t *testing.T, mutants ...mutant) admit.Report {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, site := plan(t), "http://"+listener.Addr().String()
	p.Site.RedirectURI = site + "/callback"
	b, folder := open(t, admit.Options{Plan: p, URL: site + "/", ProofTime: 2 * time.Second}, "consumer")
	c, err := newCareless(folder, site, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if m.flaw != "" {
			c.flaws[m.flaw] = true
		} else {
			c.skips = append(c.skips, m.skip)
		}
	}
	server := &http.Server{Handler: c, ReadHeaderTimeout: time.Second}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	r, err := b.Consumer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

//clause:admission what a consumer must do, through its pages; each flaw told by its own case
func TestAFlawlessConsumerPasses(t *testing.T) {
	t.Parallel()
	if failed := walked(t).Failed(); len(failed) > 0 {
		t.Errorf("%q", failed)
	}
}

// As for providers.
//
//clause:admission what a consumer must do, through its pages; each flaw told by its own case
func TestEachFlawOfAConsumerIsTold(t *testing.T) {
	for _, group := range grouped(consumerMutants) {
		t.Run(group[0].name, func(t *testing.T) {
			t.Parallel()
			tells(t, walked(t, group...), group)
		})
	}
	t.Cleanup(func() {
		if !t.Failed() {
			figure.Hold(t, "broken-consumers", len(consumerMutants), "consumers, each of which lacks one check, that the trial tells by name")
		}
	})
}
