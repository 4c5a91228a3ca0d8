package consent_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func TestTrustFolder(t *testing.T) {
	w := consenttest.New()
	dir := filepath.Join(t.TempDir(), "trust")
	ok(t, "write", consent.WriteTrust(dir, w.Files))
	ok(t, "write again", consent.WriteTrust(dir, w.Files))
	trust, err := consent.LoadTrust(os.DirFS(dir))
	ok(t, "load", err)
	if trust.Issuer != consenttest.Issuer || trust.RP != w.RP || len(trust.Officers) != 2 || len(trust.HubKeys.Keys) != 1 {
		t.Errorf("loaded %+v", trust)
	}
	for _, name := range []string{consent.HubFile, consent.AgencyCAFile, consent.IssuerCAFile, consent.LogPolicyFile} {
		t.Run("it refuses to load without "+name, func(t *testing.T) {
			files := folder(t, dir)
			delete(files, name)
			if _, err := consent.LoadTrust(files); err == nil {
				t.Error("it loads")
			}
			files[name] = &fstest.MapFile{Data: []byte("{}")}
			if _, err := consent.LoadTrust(files); err == nil {
				t.Error("it loads an empty one")
			}
		})
	}
}

func TestTrustFolderRefuses(t *testing.T) {
	w := consenttest.New()
	dir := t.TempDir()
	ok(t, "write", consent.WriteTrust(dir, w.Files))
	t.Run("it refuses an endless file", func(t *testing.T) {
		files := folder(t, dir)
		files[consent.AgencyCAFile].Data = append(files[consent.AgencyCAFile].Data, bytes.Repeat([]byte("\n"), 1<<20)...)
		if _, err := consent.LoadTrust(files); err == nil {
			t.Error("it loads")
		}
	})
	t.Run("it refuses a member that it does not know", func(t *testing.T) {
		files := folder(t, dir)
		files[consent.HubFile].Data = bytes.Replace(files[consent.HubFile].Data, []byte(`{`), []byte(`{"more":1,`), 1)
		if _, err := consent.LoadTrust(files); err == nil {
			t.Error("it loads")
		}
	})
	t.Run("it says that a file cannot be replaced", func(t *testing.T) {
		blocked := t.TempDir()
		ok(t, "mkdir", os.MkdirAll(filepath.Join(blocked, consent.HubFile, "x"), 0o755))
		if err := consent.WriteTrust(blocked, w.Files); err == nil {
			t.Error("it says that it wrote")
		}
	})
}

func folder(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	entries, err := os.ReadDir(dir)
	ok(t, "read", err)
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		ok(t, "read", err)
		files[e.Name()] = &fstest.MapFile{Data: raw}
	}
	return files
}

func TestTrustRefuses(t *testing.T) {
	for name, bend := range map[string]func(*consent.TrustFiles){
		"it refuses one officer":         func(f *consent.TrustFiles) { f.Hub.Officers.Keys = f.Hub.Officers.Keys[:1] },
		"it refuses a hub without a key": func(f *consent.TrustFiles) { f.Hub.JWKS = jose.JSONWebKeySet{} },
		"it refuses a private key": func(f *consent.TrustFiles) {
			f.Hub.JWKS = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: consenttest.NewKey(), KeyID: "k"}}}
		},
		"it refuses no issuer":                                 func(f *consent.TrustFiles) { f.Hub.Issuer = "" },
		"it refuses an authority's file without a certificate": func(f *consent.TrustFiles) { f.AgencyCA = []byte("none") },
		"it refuses an issuers' file without a certificate":    func(f *consent.TrustFiles) { f.IssuerCA = nil },
		"it refuses a broken certificate beside a good one": func(f *consent.TrustFiles) {
			f.AgencyCA = append(f.AgencyCA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("broken")})...)
		},
		"it refuses a torn certificate behind a good one": func(f *consent.TrustFiles) {
			f.AgencyCA = append(bytes.Clone(f.AgencyCA), f.AgencyCA[:len(f.AgencyCA)/2]...)
		},
		"it refuses a torn certificate before a good one": func(f *consent.TrustFiles) {
			f.IssuerCA = append(append(bytes.Clone(f.IssuerCA[:len(f.IssuerCA)/2]), '\n'), f.IssuerCA...)
		},
		"it refuses no origin": func(f *consent.TrustFiles) { f.Hub.RP.Origin = "" },
	} {
		t.Run(name, func(t *testing.T) {
			w := consenttest.New()
			bend(&w.Files)
			dir := filepath.Join(t.TempDir(), "trust")
			if consent.WriteTrust(dir, w.Files) == nil {
				t.Error("it writes")
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("it left something behind")
			}
		})
	}
}

func FuzzTrust(f *testing.F) {
	w := consenttest.New()
	dir := f.TempDir()
	if err := consent.WriteTrust(dir, w.Files); err != nil {
		f.Fatal(err)
	}
	hub, err := os.ReadFile(filepath.Join(dir, consent.HubFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(hub, w.Files.AgencyCA, w.Files.LogPolicy)
	f.Add([]byte(`{}`), []byte(``), []byte(``))
	f.Add([]byte(`{"issuer":"a","issuer":"b"}`), []byte(`-----BEGIN CERTIFICATE-----`), []byte(`log x`))
	f.Fuzz(func(t *testing.T, hub, ca, policy []byte) {
		trust, err := consent.LoadTrust(fstest.MapFS{
			consent.HubFile: {Data: hub}, consent.AgencyCAFile: {Data: ca}, consent.IssuerCAFile: {Data: ca}, consent.LogPolicyFile: {Data: policy},
		})
		if err == nil && (trust.Issuer == "" || len(trust.Officers) < 2 || len(trust.HubKeys.Keys) == 0) {
			t.Fatal("half a trust folder is taken")
		}
	})
}
