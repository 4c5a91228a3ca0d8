package admit_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/admit"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// A mutant is a provider that lacks one thing, and the cases that must tell.
type mutant struct {
	name  string
	flaw  string
	skip  skipping
	tells []string
}

var providerMutants = []mutant{
	{name: "takes expired tokens", skip: skipping{transfer.CheckToken, "has expired"}, tells: []string{"refuses an expired token"}},
	{name: "takes long tokens", skip: skipping{transfer.CheckToken, "lives longer"}, tells: []string{"refuses a token that lives longer than a minute"}},
	{name: "takes another agency's tokens", skip: skipping{transfer.CheckAudience, `["urn:mydata:agency:somebody-else"]`}, tells: []string{"refuses a token for another agency (aud)"}},
	{name: "takes tokens good elsewhere", skip: skipping{transfer.CheckAudience, `insurance" "urn`}, tells: []string{"refuses a token that is good elsewhere too"}},
	{name: "takes tokens of other issuers", skip: skipping{transfer.CheckToken, "another issuer"}, tells: []string{"refuses a token by another issuer"}},
	{name: "takes proofs again", skip: skipping{transfer.CheckProof, "used before"}, tells: []string{"refuses a proof that was used before"}},
	{name: "takes proofs of long ago", skip: skipping{transfer.CheckProof, "dpop: iat"}, tells: []string{"refuses a proof of long ago"}},
	{name: "takes any key's proof", skip: skipping{transfer.CheckProof, "another key"}, tells: []string{"refuses a proof by another key"}},
	{name: "takes another client's tokens", skip: skipping{transfer.CheckConsumer, "the token for"}, tells: []string{"refuses a token of another client"}},
	{name: "takes requests for other hubs", skip: skipping{transfer.CheckConsumer, "another hub"}, tells: []string{"refuses a request for another hub"}},
	{name: "does not look at the citizen's signature", skip: skipping{transfer.CheckAssertion, ""}, tells: []string{
		"refuses terms that the consumer altered", "refuses altered terms though the hub's token is for them", "refuses an approval by a passkey that the person does not have"}},
	{name: "seals to any key", skip: skipping{transfer.CheckRecipientKey, ""}, tells: []string{"refuses another recipient key than the consumer's"}},
	{name: "serves any purpose", skip: skipping{transfer.CheckPurpose, ""}, tells: []string{"refuses another purpose"}},
	{name: "gives any field", skip: skipping{transfer.CheckFields, ""}, tells: []string{"refuses a claim that was not asked for", "refuses a claim that reads another field"}},
	{name: "takes any schema", skip: skipping{transfer.CheckSchema, ""}, tells: []string{"refuses another schema than the request's", "refuses a schema that the catalogue does not have"}},
	{name: "has no bounds", skip: skipping{transfer.CheckTemplate, "the purpose allows"}, tells: []string{"refuses more uses than the purpose allows"}},
	{name: "serves expired grants", skip: skipping{transfer.CheckValidity, ""}, tells: []string{"refuses a grant that has expired"}},
	{name: "does not compare terms and request", skip: skipping{transfer.CheckNarrow, ""}, tells: []string{"refuses terms that differ from the request elsewhere"}},
	{name: "asks for no witness", skip: skipping{transfer.CheckInclusion, ""}, tells: []string{"refuses a passkey history that no witness has seen"}},
	{name: "believes any promise", skip: skipping{transfer.CheckPromise, ""}, tells: []string{
		"sends nothing for a promise that another key signed", "sends nothing for a promise that echoes another nonce",
		"sends nothing for a promise of another commit", "sends nothing for a promise without a near deadline"}},
	{name: "keeps no count", flaw: "no count", tells: []string{
		"refuses a use number that was taken by another request", "refuses a number again that a restored hub has forgotten"}},
	{name: "takes a key for anything", flaw: "any key", tells: []string{"refuses an idempotency key that stood for another body"}},
	{name: "gives too soon", flaw: "hasty", tells: []string{"refuses a use too soon after the last"}},
	{name: "sends a byte early", flaw: "early byte", tells: []string{"has the hub commit before the first byte"}},
	{name: "sends after a no", flaw: "no is yes", tells: []string{"sends nothing when the citizen withdrew between check and commit"}},
	{name: "sends without the hub", flaw: "hub down is yes", tells: []string{
		"sends nothing while the hub does not answer, and does later", "finishes a release whose commit was kept and whose answer was lost"}},
	{name: "commits anew", flaw: "other commit", tells: []string{"finishes a release whose commit was kept and whose answer was lost"}},
	{name: "makes fresh bytes", flaw: "fresh bytes", tells: []string{
		"answers a retry with identical bytes", "takes no acknowledgement of another agency", "sends no more after ten minutes"}},
	{name: "answers for ever", flaw: "for ever", tells: []string{"sends no more after ten minutes"}},
	{name: "hears no acknowledgement", flaw: "deaf", tells: []string{"sends no more once it is acknowledged"}},
	{name: "hears anybody's acknowledgement", flaw: "any acknowledgement", tells: []string{"takes no acknowledgement of another agency"}},
	{name: "gives anybody's record", flaw: "any person", tells: []string{"refuses a person of whom it has no record"}},
	{name: "gives the first record", flaw: "first person", tells: []string{"releases about the person whom the token names"}},
	{name: "gives what was unticked", flaw: "unticked too", tells: []string{"releases nothing that was unticked"}},
	{name: "gives the whole record", flaw: "whole record", tells: []string{"drops every field that was not granted"}},
	{name: "remembers no passkey", flaw: "forgetful", tells: []string{"refuses a passkey that is not in the history it saw before"}},
	{name: "never asks the log", flaw: "trusting", tells: []string{"asks the log for what the hub promised"}},
	{name: "reads endlessly", flaw: "endless", tells: []string{"refuses a body of more than 256 KiB"}},
	{name: "reads members twice", flaw: "lax JSON", tells: []string{"refuses a member twice"}},
	{name: "takes any media type", flaw: "any type", tells: []string{"refuses another media type"}},
	{name: "takes any method", flaw: "any method", tells: []string{"refuses another method"}},
	{name: "breaks on bad input", flaw: "faulty", tells: []string{"never answers bad input with a fault of its own (5xx)"}},
	{name: "names people", flaw: "talkative", tells: []string{"says nothing personal in a refusal"}},
	{name: "refuses in plain text", flaw: "plain", tells: []string{"refuses with a problem document that names a code"}},
	{name: "lets caches keep", flaw: "cached", tells: []string{"forbids that answers are kept by caches"}},
	{name: "waits for ever", flaw: "patient", tells: []string{"ends a connection that never finishes its request"}},
}

// tried runs the cases against a provider that has all of these flaws.
func tried(t *testing.T, mutants ...mutant) admit.Report {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64 // everybody's clock
	p, site := plan(t), "http://"+listener.Addr().String()+"/release"
	var b *admit.Bench
	b, folder := open(t, admit.Options{Plan: p, URL: site, Long: true, Patience: 3 * time.Second, ProofTime: 2 * time.Second,
		Pass: func(_ context.Context, d time.Duration) error {
			ahead.Add(int64(d))
			b.Advance(d)
			return nil
		}}, "provider")
	l, err := newLoose(folder, site, map[string]map[string]any{p.People.One.ID: p.People.One.Values, p.People.Other.ID: p.People.Other.Values}, p.People.One.ID)
	if err != nil {
		t.Fatal(err)
	}
	l.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	l.replay.Now = l.now
	server := &http.Server{Handler: l, ReadTimeout: time.Second}
	for _, m := range mutants {
		if m.flaw != "" {
			l.flaws[m.flaw] = true
		} else {
			l.skips = append(l.skips, m.skip)
		}
		if m.flaw == "patient" {
			server.ReadTimeout = 0
		}
	}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	r, err := b.Provider(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

//clause:admission what a provider must do, from outside; each flaw told by its own case
func TestAFlawlessProviderPasses(t *testing.T) {
	t.Parallel()
	if failed := tried(t).Failed(); len(failed) > 0 {
		t.Errorf("%q", failed)
	}
}

// Each flaw is told by its own cases, and by no other. In the long form they are
// tried one by one; in the short one several at once, which must fail all of
// their cases and no more.
//
//clause:admission what a provider must do, from outside; each flaw told by its own case
func TestEachFlawOfAProviderIsTold(t *testing.T) {
	for _, group := range grouped(providerMutants) {
		t.Run(group[0].name, func(t *testing.T) {
			t.Parallel()
			tells(t, tried(t, group...), group)
		})
	}
	t.Cleanup(func() {
		if !t.Failed() {
			figure.Hold(t, "broken-providers", len(providerMutants), "providers, each of which lacks one check, that the trial tells by name")
		}
	})
}

// tells compares what failed with what must.
func tells(t *testing.T, r admit.Report, group []mutant) {
	t.Helper()
	var want []string
	for _, m := range group {
		want = append(want, m.tells...)
	}
	failed := r.Failed()
	for _, m := range group {
		for _, name := range m.tells {
			if !slices.Contains(failed, name) {
				t.Errorf("one that %s passes %q", m.name, name)
			}
		}
	}
	for _, each := range r.Results {
		if each.Outcome == report.Failed && !slices.Contains(want, each.Name) {
			t.Errorf("%q fails too: %s", each.Name, each.Detail)
		}
	}
}

// grouped puts together what is told by different cases.
func grouped(all []mutant) [][]mutant {
	if figure.Soak() {
		var each [][]mutant
		for _, m := range all {
			each = append(each, []mutant{m})
		}
		return each
	}
	const largest = 12 // larger groups hide one flaw behind another
	var groups [][]mutant
	for _, m := range all {
		placed := false
		for i, g := range groups {
			if len(g) < largest && !slices.ContainsFunc(g, func(o mutant) bool { return overlap(m.tells, o.tells) }) {
				groups[i], placed = append(g, m), true
				break
			}
		}
		if !placed {
			groups = append(groups, []mutant{m})
		}
	}
	return groups
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
