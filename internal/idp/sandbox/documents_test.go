package sandbox

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
)

// An agency that issues documents gets a certificate for its address, which is
// nobody else's.
//
//clause:kit a sandbox keeps agencies apart
func TestDocuments(t *testing.T) {
	s := newSite(t)
	office, other := newKey(t), newKey(t)
	ask := func(slug, issuer, csr string) (int, string) {
		key := office
		if slug != "office" {
			key = other
		}
		body, _ := json.Marshal(Registration{Slug: slug, Name: "Office", CSR: request(t, key), CredentialIssuer: issuer, DocumentsCSR: csr})
		return s.post("/sandbox/agencies", "application/json", body)
	}
	const mine = "http://localhost:8085/documents"
	for range 2 { // again is the same
		status, text := ask("office", mine, request(t, newKey(t)))
		var out Registered
		if err := json.Unmarshal([]byte(text), &out); err != nil || status != http.StatusCreated {
			t.Fatalf("%d %s", status, text)
		}
		block, _ := pem.Decode([]byte(out.DocumentsChain))
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || len(cert.URIs) != 1 || cert.URIs[0].String() != mine || !strings.HasPrefix(cert.Subject.CommonName, "SANDBOX ") {
			t.Fatalf("%v %+v", err, cert)
		}
	}
	for name, tt := range map[string]struct {
		slug, issuer, csr string
		status            int
		check, says       string
	}{
		"it refuses another's address":        {"other", mine, request(t, newKey(t)), 409, "credential_issuer", "another agency"},
		"it refuses an agency's second":       {"office", mine + "/2", request(t, newKey(t)), 409, "credential_issuer", "has another"},
		"it refuses the hub's":                {"other", "http://localhost:8080/documents", request(t, newKey(t)), 400, "credential_issuer", "the hub's"},
		"it refuses what is no address":       {"other", "localhost", request(t, newKey(t)), 400, "credential_issuer", "no web address"},
		"it refuses a slash at the end":       {"other", "http://localhost:8086/", request(t, newKey(t)), 400, "credential_issuer", "no web address"},
		"it refuses a key that nobody proves": {"other", "http://localhost:8086", "none", 400, "csr", "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := ask(tt.slug, tt.issuer, tt.csr)
			if status != tt.status || !strings.Contains(text, `"check":"`+tt.check+`"`) || !strings.Contains(text, tt.says) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	// What was refused took nothing: the address that office could not have is free.
	for range 8 { // the two names were taken in any order
		if status, text := ask("office", mine+"/2", request(t, newKey(t))); status != http.StatusConflict {
			t.Fatalf("%d %s", status, text)
		}
	}
	if status, text := ask("other", mine+"/2", request(t, newKey(t))); status != http.StatusCreated {
		t.Errorf("%d %s", status, text)
	}
}
