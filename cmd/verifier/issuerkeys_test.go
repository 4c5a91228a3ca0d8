package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/credential"
)

// TestIssuerKeys: where the service is given what the log says of issuers' keys, a DID
// of its policy is believed by a document that the log names, and by no other.
//
//clause:trust at our verifier service: an issuer's DID document is on the log, byte by byte, where the log's keys are given
func TestIssuerKeys(t *testing.T) {
	for name, logged := range map[string]bool{"it takes the document that the log names": true, "it refuses a document that the log does not name": false} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, func(o *office) string {
				return fmt.Sprintf(`{"schema_version": "mydata-trust-policy/1", "types": {"urn:test:stateless:1": {"dids": [%q], "without_status": true}}}`, o.web)
			}, func(o *office, c *config) {
				text, err := json.Marshal(o.document)
				if err != nil {
					t.Fatal(err)
				}
				text = append(text, '\n') // as it is served
				if !logged {
					text = append(text, '\n')
				}
				now := time.Now().Truncate(time.Second)
				c.IssuerKeys = o.write(t, "issuer-keys.json", o.onLog(t,
					credential.IssuerKey{ID: credential.Thumbprint(o.issuer.Public()), Issuer: o.web, Use: "issuer", From: now.Unix()},
					credential.NewDIDDocument(o.web, text, now)))
			})
			_, r := o.show(t, "urn:test:stateless:1", o.web+"#one", nil)
			var said string
			for _, check := range r.Checks {
				if !check.OK {
					said += check.Detail
				}
			}
			if (r.Status == verifier.Verified) != logged || strings.Contains(said, "the DID document is not on the log") == logged {
				t.Errorf("%s: %s", r.Status, said)
			}
		})
	}
}

// onLog proves statements in a log whose policy becomes the office's.
func (o *office) onLog(t *testing.T, statements ...interface{ Entry() ([]byte, error) }) string {
	t.Helper()
	log := consenttest.NewLog("log.example", time.Now)
	var entries [][]byte
	for _, s := range statements {
		entry, err := s.Entry()
		if err != nil {
			t.Fatal(err)
		}
		log.Append(entry)
		entries = append(entries, entry)
	}
	var proven []credential.ProvenKey
	for _, entry := range entries {
		proof, err := log.WaitProof(t.Context(), entry)
		if err != nil {
			t.Fatal(err)
		}
		proven = append(proven, credential.ProvenKey{Entry: entry, Proof: string(proof.Marshal())})
	}
	text, err := credential.MarshalKeyHistory(proven)
	if err != nil {
		t.Fatal(err)
	}
	o.write(t, filepath.Join("data", "trust", "log-policy.txt"), string(log.Policy()))
	return string(text)
}
