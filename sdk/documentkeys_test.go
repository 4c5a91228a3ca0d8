package sdk_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// An agency's document key and its certificate come from files, and an issuer takes
// them only together, for its own address.
func TestLoadDocumentKeys(t *testing.T) {
	dir, hub := t.TempDir(), sdktest.New(t)
	if _, _, err := sdk.LoadDocumentKeys(dir); err == nil {
		t.Error("it loaded what is not there")
	}
	const url = "http://localhost:8085/documents"
	signer, chain := hub.DocumentKeys(url)
	write := func(name, kind string, der []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	private := func(key any) []byte {
		t.Helper()
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	write("documents-chain.pem", "CERTIFICATE", chain[0])
	if _, _, err := sdk.LoadDocumentKeys(dir); err == nil {
		t.Error("it loaded a certificate without a key")
	}
	open := func(at string) error {
		t.Helper()
		key, certificates, err := sdk.LoadDocumentKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		journal, err := sdk.OpenFileJournal(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer journal.Close()
		_, err = sdk.NewIssuer(t.Context(), sdk.IssuerConfig{Trust: hub.Trust(), Keys: hub.ProviderKeys(), Journal: journal, URL: at, Signer: key, Chain: certificates,
			AllowLoopback: true, Documents: map[string]sdk.Document{"extract": {Type: "urn:x", Claims: []string{"a"}, Load: nobody}}})
		return err
	}
	write("documents.pem", "PRIVATE KEY", private(signer))
	if err := open(url); err != nil {
		t.Error(err)
	}
	if err := open(url + "/other"); err == nil {
		t.Error("it opened for another address")
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write("documents.pem", "PRIVATE KEY", private(other))
	if err := open(url); err == nil {
		t.Error("it opened with another key")
	}
}

func nobody(context.Context, sdk.Subject) (sdk.Record, error) { return nil, sdk.ErrNoMatch }

// Two data sets may have fields of one name: labels are those of one data set.
func TestLabels(t *testing.T) {
	consumer := sdktest.New(t).MustConsumer()
	c, err := consumer.Catalogue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	set := c.DataSets[0]
	l := sdk.LabelsOf(c, "ko", set.ID)
	if l.Of(set.Fields[0].Name) != set.Fields[0].Label["ko"] || l.Of(set.Derived[0].Claim) != set.Derived[0].Label["ko"] ||
		l.Of(c.Purposes[0].Code) != c.Purposes[0].Text["ko"] || l.Each([]string{c.Agencies[0].ID})[0] != c.Agencies[0].Name["ko"] || l.Of(set.ID) != set.Title["ko"] {
		t.Errorf("%+v", l)
	}
	if none := sdk.LabelsOf(c, "ko", "another"); none.Of(set.Fields[0].Name) != set.Fields[0].Name {
		t.Errorf("fields of another data set: %+v", none)
	}
	if l := sdk.LabelsOf(nil, "ko", ""); l.Of("name") != "name" {
		t.Errorf("%+v", l)
	}
}
