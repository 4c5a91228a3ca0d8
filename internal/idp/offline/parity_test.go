package offline_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// given is one thing that a person may drop on the page.
type given struct {
	name    string
	receipt []byte
	trust   map[string][]byte
	paper   string
	want    string // a check that must be named as failed, or as the refusal; "" holds
}

// table of receipts, good and bad.
func (w *world) table(t testing.TB) []given {
	t.Helper()
	marshal := func(r receipt.Receipt) []byte {
		raw, err := json.Marshal(r)
		must(t, err)
		return raw
	}
	paper, err := w.whole.PaperDigest(3)
	must(t, err)
	foreign := newWorld(t)
	all := []given{
		{"a good receipt", marshal(w.whole), w.files, "", ""},
		{"a good receipt with its paper", marshal(w.whole), w.files, paper, ""},
		{"another paper", marshal(w.whole), w.files, "2" + paper[1:], receipt.CheckPaper},
		{"another hub's trust", marshal(w.whole), foreign.files, "", "hub record"},
		{"no JSON", []byte("<html>"), w.files, "", reading.CheckReceipt},
		{"deep JSON", []byte(strings.Repeat("[", 1<<20)), w.files, "", reading.CheckReceipt},
		{"half a trust folder", marshal(w.whole), map[string][]byte{consent.HubFile: w.files[consent.HubFile]}, "", reading.CheckTrust},
	}
	for name, c := range map[string]struct {
		want string
		bend func(r *receipt.Receipt)
	}{
		"other terms":                {"privacy notice", func(r *receipt.Receipt) { r.Terms.Purpose.Text = "x" }},
		"a hidden event":             {"hub record", func(r *receipt.Receipt) { r.Events = r.Events[:3] }},
		"no commit":                  {"commit of use 1", func(r *receipt.Receipt) { r.Commits = nil }},
		"no countersignature":        {"countersignature of use 1", func(r *receipt.Receipt) { r.Received = nil }},
		"another place in the log":   {"event 2 (granted) in the log", func(r *receipt.Receipt) { r.Events[1].Proof = r.Events[0].Proof }},
		"another approval":           {"approval", func(r *receipt.Receipt) { r.Approval.Salt[0]++ }},
		"a passkey outside the log":  {"passkey history in the log", func(r *receipt.Receipt) { r.Approval.History[0].Proof = "" }},
		"no record":                  {"hub record", func(r *receipt.Receipt) { r.Record = "" }},
		"no events":                  {"receipt form", func(r *receipt.Receipt) { r.Events = nil }},
		"an unsigned request":        {"request signature", func(r *receipt.Receipt) { r.Request = "a.b.c" }},
		"a language that nobody has": {"privacy notice", func(r *receipt.Receipt) { r.Terms.Notice.Lang = "fr" }},
	} {
		bent := w.copyOf(t, w.whole.Terms.GrantID)
		c.bend(&bent)
		all = append(all, given{name, marshal(bent), w.files, "", c.want})
	}
	all = append(all, w.anchored(t)...)
	w.Log.Silent = true
	all = append(all, given{"an unwitnessed receipt", marshal(w.copyOf(t, w.whole.Terms.GrantID)), w.files, "", "event 1 (requested) in the log"})
	w.Log.Silent = false
	slices.SortFunc(all, func(a, b given) int { return strings.Compare(a.name, b.name) })
	return all
}

// channel is a Fabric channel on which the log is anchored as it is now.
type channel struct {
	*world
	*endorsementtest.Channel
}

func (c channel) Anchor(context.Context, int64) (endorsement.Proof, bool, error) {
	head, err := c.Log.Head()
	return c.Prove(endorsement.Record{Origin: head.Origin, Size: head.Size, Root: head.Root, Writer: "Org1MSP"}), true, err
}

// anchored are receipts to check with trust in a channel, one of another channel.
func (w *world) anchored(t testing.TB) (all []given) {
	t.Helper()
	c := channel{w, endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP")}
	whole, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: c}.ForCitizen(t.Context(), w.whole.Terms.GrantID, ada)
	must(t, err)
	raw, err := json.Marshal(whole)
	must(t, err)
	plain, err := json.Marshal(w.whole)
	must(t, err)
	trust := map[string][]byte{}
	for _, of := range []*endorsementtest.Channel{c.Channel, endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP")} {
		with := maps.Clone(w.files)
		must(t, fs.WalkDir(of.Folder(), ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				with["fabric/"+name], err = fs.ReadFile(of.Folder(), name)
			}
			return err
		}))
		if len(trust) == 0 {
			trust = with
			continue
		}
		all = append(all, given{"an anchor of another channel", raw, with, "", "anchor 1"})
	}
	return append(all, given{"an anchored receipt", raw, trust, "", ""}, given{"a receipt without its anchor", plain, trust, "", receipt.CheckAnchored})
}

// native is what this program says.
func (g given) native() (reading.Outcome, *reading.Error) {
	var files []reading.File
	for name, data := range g.trust {
		files = append(files, reading.File{Name: name, Data: data})
	}
	trust, err := reading.Trust(files)
	var out reading.Outcome
	if err == nil {
		out, err = reading.Read(g.receipt, trust, g.paper)
	}
	refused, _ := errors.AsType[*reading.Error](err)
	return out, refused
}

// inNode runs the checker outside of a browser: cases come on standard input.
const inNode = `
const fs = require("fs");
globalThis.require = require; globalThis.fs = fs;
require(process.argv[1] + "/wasm_exec.js");
(async () => {
  const wasm = require("zlib").gunzipSync(fs.readFileSync(process.argv[1] + "/checker.wasm.gz"));
  const go = new Go();
  const { instance } = await WebAssembly.instantiate(wasm, go.importObject);
  go.run(instance);
  const bytes = (b) => new Uint8Array(Buffer.from(b, "base64"));
  const began = Date.now();
  const said = JSON.parse(fs.readFileSync(0)).map((c) => globalThis.mydataReceipt.check(bytes(c.receipt),
    c.trust.map((f) => ({ name: f.name, data: bytes(f.data) })), c.paper));
  fs.writeFileSync(1, JSON.stringify({ said, ms: Date.now() - began }));
  process.exit(0);
})();
`

// The checker in the browser and the command say the same of each receipt:
// verdict, every check, terms, digests, trust, byte for byte.
//
//clause:consent the page and the command say the same of a receipt, byte for byte
func TestParity(t *testing.T) {
	dir, err := checker()
	must(t, err)
	w := newWorld(t)
	table := w.table(t)
	type file struct {
		Name string `json:"name"`
		Data string `json:"data"`
	}
	var cases []map[string]any
	for _, g := range table {
		var files []file
		for name, data := range g.trust {
			files = append(files, file{name, base64.StdEncoding.EncodeToString(data)})
		}
		cases = append(cases, map[string]any{"receipt": base64.StdEncoding.EncodeToString(g.receipt), "trust": files, "paper": g.paper})
	}
	input, err := json.Marshal(cases)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "-e", inNode, filepath.Join(dir, "built"))
	cmd.Stdin, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(input), os.Stderr, time.Second
	raw, err := cmd.Output()
	must(t, err)
	var got struct {
		Said []string
		Ms   int
	}
	must(t, json.Unmarshal(raw, &got))
	if len(got.Said) != len(table) {
		t.Fatalf("%d answers to %d receipts", len(got.Said), len(table))
	}
	packed, err := os.Stat(filepath.Join(dir, "built", "checker.wasm.gz"))
	must(t, err)
	t.Logf("%d receipts in %d ms, by a checker of %d bytes", len(table), got.Ms, packed.Size())
	for i, g := range table {
		t.Run("it says the same of "+g.name, func(t *testing.T) { g.compare(t, got.Said[i]) })
	}
}

func (g given) compare(t *testing.T, said string) {
	var other struct {
		Outcome json.RawMessage
		Error   *reading.Error
	}
	must(t, json.Unmarshal([]byte(said), &other))
	out, refused := g.native()
	if diff := cmp.Diff(refused, other.Error); diff != "" {
		t.Fatal(diff)
	}
	if refused != nil {
		if refused.Check != g.want {
			t.Errorf("refused by %s: %s", refused.Check, refused.Cause)
		}
		return
	}
	here, err := json.Marshal(out)
	must(t, err)
	if diff := cmp.Diff(string(here), string(other.Outcome)); diff != "" {
		t.Error(diff)
	}
	if out.Holds != (g.want == "") || g.want != "" && !slices.ContainsFunc(out.Checks, func(l reading.Line) bool { return l.Name == g.want && l.Mark == "FAILED" }) {
		t.Errorf("%s, %+v; want %s among the failed", out.Verdict, out.Checks, g.want)
	}
}
