package main

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// keepID NAME keeps the first word of the last output, which is an id.
func keepID(ts *testscript.TestScript, _ bool, args []string) {
	fields := strings.Fields(ts.ReadFile("stdout"))
	if len(args) != 1 || len(fields) == 0 {
		ts.Fatalf("usage: keep NAME, after output")
	}
	ts.Setenv(args[0], fields[0])
}

// writeAgency DAYS FILE writes a catalogue of one agency whose certificate, by
// the CA that the hub of a script trusts, ends in so many days.
func writeAgency(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: agency DAYS FILE")
	}
	days, err := strconv.Atoi(args[0])
	ts.Check(err)
	block, _ := pem.Decode([]byte(ts.ReadFile("data/hub-ca.pem")))
	ca, err := x509.ParseCertificate(block.Bytes)
	ts.Check(err)
	key, err := readOfficer(ts.MkAbs("data/keys/hub-ca.key.pem"))
	ts.Check(err)
	id := &url.URL{Scheme: "urn", Opaque: "mydata:agency:a"}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), URIs: []*url.URL{id}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().AddDate(0, 0, days).Add(time.Hour),
	}, ca, key.Public(), key) // its own key will do
	ts.Check(err)
	e := catalogue.Entry{
		Issuer: id.String(), IssuedAt: time.Now().Unix(), Name: catalogue.Text{"en": "A", "ko": "가"}, Contact: "a@b.example",
		JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}},
	}
	jws, err := catalogue.SignEntry(e, key, [][]byte{der})
	ts.Check(err)
	a, err := e.Apply(catalogue.Agency{ID: e.Issuer, Jurisdiction: "KR"}, jws)
	ts.Check(err)
	raw, err := json.Marshal(catalogue.Catalogue{Version: 1, Agencies: []catalogue.Agency{a}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), raw, 0o600))
}

// exits CODE COMMAND... runs a command that ends with this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if code, ok := errors.AsType[*exec.ExitError](err); !ok || strconv.Itoa(code.ExitCode()) != args[0] {
		ts.Fatalf("ends with %v", err)
	}
}
