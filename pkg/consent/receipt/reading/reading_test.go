package reading_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
)

const ada = "resident-01"

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// given is a receipt's bytes and the trust folder's files.
func given(t testing.TB) ([]byte, []reading.File) {
	t.Helper()
	w := consenttest.New()
	r := w.Granted(t.Context(), ada, w.People.Enrol(ada))
	whole, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}.ForCitizen(t.Context(), r.Grant, ada)
	ok(t, "assemble", err)
	raw, err := json.Marshal(whole)
	ok(t, "marshal", err)
	dir := t.TempDir()
	ok(t, "trust", consent.WriteTrust(dir, w.Files))
	var files []reading.File
	for _, name := range []string{consent.HubFile, consent.AgencyCAFile, consent.IssuerCAFile, consent.LogPolicyFile} {
		data, err := os.ReadFile(dir + "/" + name)
		ok(t, "read", err)
		files = append(files, reading.File{Name: name, Data: data})
	}
	return raw, files
}

func below(dir string, files []reading.File) (all []reading.File) {
	for _, f := range files {
		all = append(all, reading.File{Name: dir + f.Name, Data: f.Data})
	}
	return all
}

func zipped(t testing.TB, files []reading.File) []reading.File {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		to, err := w.Create(f.Name)
		ok(t, "zip", err)
		_, err = to.Write(f.Data)
		ok(t, "zip", err)
	}
	ok(t, "zip", w.Close())
	return []reading.File{{Name: "trust.zip", Data: b.Bytes()}}
}

func TestRead(t *testing.T) {
	raw, files := given(t)
	trust, err := reading.Trust(files)
	ok(t, "trust", err)
	out, err := reading.Read(raw, trust, "")
	ok(t, "read", err)
	if out.Verdict != receipt.Holds || !out.Holds || out.State != "active" || len(out.Checks) < 10 || len(out.Events) != 2 {
		t.Errorf("%+v", out)
	}
	if len(out.Terms) != 2 || !strings.HasPrefix(out.Terms[0].Text, "내 정보 제공 동의\n") || !strings.HasPrefix(out.Terms[1].Text, "Permission to pass on") ||
		out.Terms[0].Shown == out.Terms[1].Shown {
		t.Errorf("terms: %+v", out.Terms)
	}
	printed, err := reading.Read(raw, trust, out.Paper)
	ok(t, "read", err)
	if last := printed.Checks[len(printed.Checks)-1]; !printed.Holds || last.Name != receipt.CheckPaper || last.Mark != "ok" {
		t.Errorf("%+v", printed)
	}
	other, err := reading.Read(raw, trust, "1"+out.Paper[1:])
	ok(t, "read", err)
	if other.Holds || other.Verdict != receipt.HoldsNot {
		t.Errorf("another paper: %+v", other)
	}
}

func TestTrustFolder(t *testing.T) {
	_, files := given(t)
	plain, err := reading.Trust(files)
	ok(t, "trust", err)
	spelt := append([]reading.File{{Name: files[0].Name, Data: append([]byte("\n  "), files[0].Data...)}}, files[1:]...)
	for name, same := range map[string][]reading.File{
		"it takes the folder by its name":    below("trust/", files),
		"it takes it from deep below":        below("a/b/trust/", files),
		"it takes an archive":                zipped(t, files),
		"it takes an archive of a folder":    zipped(t, below("trust/", files)),
		"it reads what hub.json means":       spelt,
		"it leaves out what stands beside":   append(below("trust/", files), reading.File{Name: "other", Data: []byte("x")}),
		"it climbs nowhere by a file's name": append(below("trust/", files), reading.File{Name: "../../x", Data: []byte("x")}),
	} {
		got, err := reading.Trust(same)
		if err != nil || got.Fingerprint != plain.Fingerprint || len(got.Fingerprint) != 64 {
			t.Errorf("%s: %v, %s", name, err, got.Fingerprint)
		}
	}
	foreign, err := reading.Trust(below("", func() []reading.File { _, f := given(t); return f }()))
	ok(t, "trust", err)
	if foreign.Fingerprint == plain.Fingerprint {
		t.Error("two hubs have one fingerprint")
	}
}

func TestRefusals(t *testing.T) {
	raw, files := given(t)
	trust, err := reading.Trust(files)
	ok(t, "trust", err)
	read := func(raw []byte) func() error {
		return func() error { _, err := reading.Read(raw, trust, ""); return err }
	}
	take := func(files []reading.File) func() error {
		return func() error { _, err := reading.Trust(files); return err }
	}
	var many []reading.File
	for range reading.MaxFiles {
		many = append(many, reading.File{Name: "x"})
	}
	bomb := zipped(t, append([]reading.File{{Name: "bomb", Data: make([]byte, reading.MaxTrust)}}, files...))
	for name, c := range map[string]struct {
		do          func() error
		check, want string
	}{
		"it refuses nothing":                  {read(nil), reading.CheckReceipt, ""},
		"it refuses what is no JSON":          {read([]byte("%PDF-")), reading.CheckReceipt, ""},
		"it refuses a long receipt":           {read(make([]byte, reading.MaxReceipt+1)), reading.CheckReceipt, "longer"},
		"it refuses a deep receipt":           {read([]byte(`{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + "}")), reading.CheckReceipt, "nested deeper than 64"},
		"it refuses a deep one that is long":  {read([]byte(strings.Repeat("[", reading.MaxReceipt))), reading.CheckReceipt, "nested deeper than 64"},
		"it refuses an unknown member":        {read(bytes.Replace(raw, []byte(`{"`), []byte(`{"more":1,"`), 1)), reading.CheckReceipt, "unknown"},
		"it refuses no folder":                {take(nil), reading.CheckTrust, "0 files hub.json"},
		"it refuses two folders":              {take(append(below("a/", files), below("b/", files)...)), reading.CheckTrust, "2 files hub.json"},
		"it refuses a file twice":             {take(append(below("a/", files), below("a/", files[1:])...)), reading.CheckTrust, "twice"},
		"it refuses a folder with a gap":      {take(files[:3]), reading.CheckTrust, "log-policy.txt"},
		"it refuses a broken file":            {take(append(below("", files[1:]), reading.File{Name: "hub.json", Data: []byte("{")})), reading.CheckTrust, "hub.json"},
		"it refuses too many files":           {take(append(many, files...)), reading.CheckTrust, "more than 64 files"},
		"it refuses too much":                 {take(append([]reading.File{{Name: "x", Data: make([]byte, reading.MaxTrust)}}, files...)), reading.CheckTrust, "bytes"},
		"it refuses a long name":              {take(append([]reading.File{{Name: strings.Repeat("x", 257)}}, files...)), reading.CheckTrust, "name is longer"},
		"it refuses an archive that explodes": {take(bomb), reading.CheckTrust, "unpacks to more"},
		"it refuses an archive of many":       {take(zipped(t, append(many, files...))), reading.CheckTrust, "archive has more than 64"},
		"it refuses a long archive":           {take([]reading.File{{Name: "x.zip", Data: append([]byte("PK\x03\x04"), make([]byte, reading.MaxTrust)...)}}), reading.CheckTrust, "archive is longer"},
		"it refuses a broken archive":         {take([]reading.File{{Name: "x.zip", Data: []byte("PK\x03\x04")}}), reading.CheckTrust, "zip"},
		"it refuses a broken channel":         {take(append(below("", files), reading.File{Name: "fabric/fabric.json", Data: []byte("{}")})), reading.CheckTrust, "fabric"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.do()
			refused, is := errors.AsType[*reading.Error](err)
			if !is || refused.Check != c.check || refused.Mender != reading.MenderReader || !strings.Contains(refused.Cause, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What a person drops is answered or refused, whatever it is.
func FuzzRead(f *testing.F) {
	raw, files := given(f)
	trust, err := reading.Trust(files)
	ok(f, "trust", err)
	f.Add(raw, "2.x")
	f.Add([]byte(`{"events":[{"event":{"kind":"used"}}],"terms":{}}`), "1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, bent []byte, paper string) {
		out, err := reading.Read(bent, trust, paper)
		if _, is := errors.AsType[*reading.Error](err); err != nil && !is {
			t.Fatal(err)
		}
		if err == nil && out.Holds != (out.Verdict == receipt.Holds) {
			t.Fatalf("%+v", out)
		}
	})
}

func FuzzTrust(f *testing.F) {
	_, files := given(f)
	f.Add("trust.zip", zipped(f, files)[0].Data)
	f.Add("hub.json", files[0].Data)
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		_, err := reading.Trust([]reading.File{{Name: name, Data: data}})
		if _, is := errors.AsType[*reading.Error](err); err != nil && !is {
			t.Fatal(err)
		}
	})
}
