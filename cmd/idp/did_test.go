package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/did"
	"github.com/govmydata/mydata/pkg/tlog"
)

// resolve URL HISTORY resolves the did:web of a hub with a policy that takes
// nothing but documents of the log, and learns of these by the history alone; "!"
// wants that the document is not among them.
func resolve(ts *testscript.TestScript, neg bool, args []string) {
	policy, err := tlog.ParsePolicy([]byte(ts.ReadFile("data/log-policy.txt")))
	ts.Check(err)
	history, err := credential.LoadKeyHistory(policy, []byte(ts.ReadFile(args[1])))
	ts.Check(err)
	id, err := did.FromURL(args[0])
	ts.Check(err)
	resolver := did.Resolver{Development: true, Allow: func(id string, document []byte) error {
		return history.Allows(id, document, time.Now())
	}}
	document, err := resolver.Resolve(context.Background(), id)
	if neg {
		if err == nil || !strings.Contains(err.Error(), "not on the log") {
			ts.Fatalf("resolved: %v", err)
		}
		return
	}
	ts.Check(err)
	if len(document.AssertionMethod) != 2 || len(document.Authentication) != 0 {
		ts.Fatalf("%+v", document)
	}
	for _, url := range document.AssertionMethod { // of credentials, and of status lists
		key, err := document.Key(url, did.AssertionMethod)
		ts.Check(err)
		if url != id+"#"+key.KeyID {
			ts.Fatalf("%s names the key %s", url, key.KeyID)
		}
	}
	response, err := http.Head(args[0] + "/.well-known/did.json")
	ts.Check(err)
	ts.Check(response.Body.Close())
	if h := response.Header; h.Get("Content-Type") != "application/did+json" || h.Get("Access-Control-Allow-Origin") != "*" {
		ts.Fatalf("%v", h)
	}
}
