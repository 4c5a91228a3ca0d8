package keys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocuments(t *testing.T) {
	dir := t.TempDir()
	o := Options{Issuer: "http://localhost:8080", LogOrigin: "test", Documents: map[string]string{"agencies/town-hall": "http://localhost:8085/documents"}}
	folder := filepath.Join(dir, "agencies", "town-hall")
	for _, at := range []string{"http://localhost:8085/documents", "http://localhost:9085/documents"} { // moved
		o.Documents["agencies/town-hall"] = at
		if err := Generate(dir, o); err != nil {
			t.Fatal(err)
		}
		signer, err := readKey(filepath.Join(folder, documentsKey))
		if err != nil {
			t.Fatal(err)
		}
		if chain, err := readChain(filepath.Join(folder, documentsChain), signer.Public()); err != nil || !Names(chain, at) {
			t.Errorf("%s: %v", at, err)
		}
	}
	o.Documents = map[string]string{"../elsewhere": "http://localhost:8085/documents"}
	if err := Generate(dir, o); err == nil || !strings.Contains(err.Error(), "not below") {
		t.Errorf("it wrote elsewhere: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "elsewhere")); err == nil {
		t.Error("it made a folder elsewhere")
	}
}
