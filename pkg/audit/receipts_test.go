package audit_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

// used is a citizen's receipt of one use.
func used(t *testing.T) (*consenttest.World, receipt.Receipt) {
	t.Helper()
	w := consenttest.New()
	r := w.Granted(t.Context(), "resident-01", w.People.Enrol("resident-01"))
	if _, err := w.Ledger.Use(t.Context(), w.Commit(r, 1, nil)); err != nil {
		t.Fatal(err)
	}
	whole, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log}.ForCitizen(t.Context(), r.Grant, "resident-01")
	if err != nil {
		t.Fatal(err)
	}
	return w, whole
}

func file(t *testing.T, r receipt.Receipt) *fstest.MapFile {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: text}
}

func TestReceipts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(t *testing.T, f fstest.MapFS, trust *consent.Trust, r receipt.Receipt)
		want  audit.Check
		says  string
	}{
		{"it takes receipts that hold", func(t *testing.T, f fstest.MapFS, _ *consent.Trust, r receipt.Receipt) {
			f["b.json"], f["read.me"] = file(t, r), &fstest.MapFile{Data: []byte("x")}
		}, "", ""},
		{"it names the receipt and the event that is not in the log", func(t *testing.T, f fstest.MapFS, _ *consent.Trust, r receipt.Receipt) {
			r.Events = slices.Clone(r.Events)
			r.Events[1].Salt = make([]byte, 32)
			f["b.json"] = file(t, r)
		}, audit.Receipt, "b.json: event 2 (granted) in the log"},
		{"it names the signature that is wrong", func(t *testing.T, f fstest.MapFS, _ *consent.Trust, r receipt.Receipt) {
			r.Record = r.Record[:len(r.Record)-8] + "AAAAAAAA"
			f["b.json"] = file(t, r)
		}, audit.Receipt, "b.json: hub record"},
		{"it names what is no receipt", func(_ *testing.T, f fstest.MapFS, _ *consent.Trust, _ receipt.Receipt) {
			f["b.json"] = &fstest.MapFile{Data: []byte("{}x")}
		}, audit.Receipt, "b.json: "},
		{"it says UNWITNESSED of a receipt whose checkpoint too few cosigned", func(t *testing.T, _ fstest.MapFS, trust *consent.Trust, _ receipt.Receipt) {
			more := slices.Clone(trust.Log.Witnesses)
			more = append(more, tlog.Witness{Name: "another", Key: newLog(t).policy.Witnesses[0].Key})
			var err error
			if trust.Log, err = tlog.ParsePolicy(tlog.NewPolicy(trust.Log.Logs[0], more, len(more))); err != nil {
				t.Fatal(err)
			}
		}, audit.Receipt, "UNWITNESSED"},
		{"it does not pass a folder without receipts", func(_ *testing.T, f fstest.MapFS, _ *consent.Trust, _ receipt.Receipt) {
			delete(f, "a.json")
		}, audit.Unreadable, "no file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, r := used(t)
			files, trust := fstest.MapFS{"a.json": file(t, r)}, w.Trust
			tt.alter(t, files, &trust, r)
			a := audit.Audit{Receipts: &audit.Bundle{FS: files, Trust: trust}}
			report, err := a.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, report, tt.want, tt.says)
			if passed := slices.Equal(report.Passed, []string{"every receipt holds, and no two show two logs"}); passed != (tt.want == "") {
				t.Errorf("it passes %q", report.Passed)
			}
		})
	}
}

// TestReceiptsOfAnotherLog holds receipts against the log that was walked: both
// of their signed checkpoints are shown.
func TestReceiptsOfAnotherLog(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int64
		root tlog.Hash
		want audit.Check
	}{
		{"it finds another tree of the same size", size, tlog.Hash{1}, audit.TwoLogs},
		{"it finds another beginning", 300, tlog.Hash{1}, audit.TwoLogs},
		{"it finds a log that was longer", size + 1, tlog.Hash{1}, audit.RolledBack},
	} {
		for _, alone := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				p := newLog(t)
				p.publish(t, size, entryOf)
				w, r := used(t)
				trust := w.Trust
				trust.Log = p.policy
				for i, root := range []tlog.Hash{tt.root, {2}} {
					r.Events[i].Proof = string(tlog.Proof{Checkpoint: p.signed(t, tt.size, root)}.Marshal())
				}
				a := audit.Audit{Policy: p.policy, Receipts: &audit.Bundle{FS: fstest.MapFS{"a.json": file(t, r)}, Trust: trust}}
				want := audit.TwoLogs
				if !alone {
					a.Log, want = audit.Dir{FS: os.DirFS(p.folder)}, tt.want
				}
				report, err := a.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				i := slices.IndexFunc(report.Findings, func(f audit.Finding) bool { return f.Check == want })
				if i < 0 || len(report.Findings[i].Evidence) != 2 || !strings.HasPrefix(report.Findings[i].Detail, "a.json, event") {
					t.Errorf("%+v", report.Findings)
				}
			})
		}
	}
}

// ofReceipt is the log that a receipt is of, as it was at its last event.
type ofReceipt struct {
	*consenttest.Log
	receipt.Receipt
}

func (l ofReceipt) Checkpoint(context.Context) ([]byte, error) {
	proof, err := tlog.ParseProof([]byte(l.Events[len(l.Events)-1].Proof))
	return proof.Checkpoint, err
}

// TestReceiptsOfTheLog holds receipts against the log that they are of, and
// against a folder that is away.
func TestReceiptsOfTheLog(t *testing.T) {
	const passed = "every receipt holds, and is of the log that was walked"
	w, r := used(t)
	a := audit.Audit{Log: ofReceipt{w.Log, r}, Policy: w.Trust.Log, Receipts: &audit.Bundle{FS: fstest.MapFS{"a.json": file(t, r)}, Trust: w.Trust}}
	report, err := a.Run(t.Context())
	if err != nil || !slices.Contains(report.Passed, passed) {
		t.Errorf("%+v, %v", report, err)
	}
	expect(t, report, "", "")
	a.Receipts.FS = os.DirFS(t.TempDir() + "/away")
	if report, err = a.Run(t.Context()); err != nil || len(report.Findings) != 1 || slices.Contains(report.Passed, passed) {
		t.Errorf("%+v, %v", report, err)
	}
	expect(t, report, audit.Unreadable, "no such file")
	a.Receipts.FS, a.Log = fstest.MapFS{"a.json": file(t, r)}, bent{a.Log, func(tlog.Tile) error { return errors.New("no route") }}
	if report, err = a.Run(t.Context()); err != nil || slices.Contains(report.Passed, passed) {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestReceiptsOfAnotherOrigin holds receipts that hold against a log that was
// walked, and is not the one that they are of: neither accuses the other.
func TestReceiptsOfAnotherOrigin(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	w, r := used(t)
	a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Receipts: &audit.Bundle{FS: fstest.MapFS{"a.json": file(t, r)}, Trust: w.Trust}}
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, report, audit.Receipt, "it is of the log")
	for _, f := range report.Findings {
		if f.Check != audit.Receipt || f.Evidence != nil {
			t.Errorf("it finds %+v", f)
		}
	}
}

// TestReceiptsOfTwoLogs: a trust folder may know two logs, which are not compared
// because they are of one size.
func TestReceiptsOfTwoLogs(t *testing.T) {
	p, other := newLog(t), newLog(t)
	var err error
	if other.signer, err = tlog.NewSigner("other.example", private(1)); err != nil {
		t.Fatal(err)
	}
	w, r := used(t)
	trust := w.Trust
	trust.Log = p.policy
	trust.Log.Logs = append(slices.Clone(p.policy.Logs), tlog.Log{Key: tlog.LogKey("other.example", private(1).Public().(ed25519.PublicKey))})
	r.Events[0].Proof = string(tlog.Proof{Checkpoint: p.signed(t, 300, tlog.Hash{1})}.Marshal())
	r.Events[1].Proof = string(tlog.Proof{Checkpoint: other.signed(t, 300, tlog.Hash{2})}.Marshal())
	a := audit.Audit{Policy: p.policy, Receipts: &audit.Bundle{FS: fstest.MapFS{"a.json": file(t, r)}, Trust: trust}}
	report, err := a.Run(t.Context())
	if err != nil || slices.ContainsFunc(report.Findings, func(f audit.Finding) bool { return f.Check == audit.TwoLogs }) {
		t.Errorf("%+v, %v", report.Findings, err)
	}
}

// told is a folder whose reader is told to stop when a file is opened.
type told struct {
	fstest.MapFS
	stop func()
}

func (f told) Open(name string) (fs.File, error) {
	if name != "." {
		f.stop()
	}
	return f.MapFS.Open(name)
}

// TestReceiptsCutShort: what was not read to its end passes nothing.
func TestReceiptsCutShort(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w, r := used(t)
	a := audit.Audit{Receipts: &audit.Bundle{FS: told{fstest.MapFS{"a.json": file(t, r), "b.json": file(t, r)}, stop}, Trust: w.Trust}}
	report, err := a.Run(ctx)
	if !errors.Is(err, context.Canceled) || report.Receipts != 1 || len(report.Passed) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// handed are proofs of anchors that were verified.
type handed map[string]audit.Anchored

func (h handed) Each(_ context.Context, each func(string, audit.Anchored, error)) error {
	for name, a := range h {
		if name == "away" {
			return errors.New("no route")
		}
		if name == "bad" {
			each(name, a, errors.New("signature"))
			continue
		}
		each(name, a, nil)
	}
	return nil
}

func TestAnchored(t *testing.T) {
	p, small := newLog(t), newLog(t)
	beginning, err := p.policy.Open(small.publish(t, 300, entryOf))
	if err != nil {
		t.Fatal(err)
	}
	p.publish(t, size, entryOf)
	good := audit.Anchored{Origin: origin, Size: 300, Root: beginning.Root}
	for _, tt := range []struct {
		name    string
		anchors handed
		want    audit.Check
	}{
		{"it takes a beginning of the log", handed{"a": good}, ""},
		{"it passes no anchor where there is none", handed{}, ""},
		{"it finds an anchor of another tree", handed{"a": {Origin: origin, Size: 300, Root: tlog.Hash{1}}}, audit.Anchor},
		{"it finds a log set back behind its anchor", handed{"a": {Origin: origin, Size: 900, Root: tlog.Hash{1}}}, audit.Anchor},
		{"it finds an anchor of another log", handed{"a": {Origin: "other", Size: 300, Root: good.Root}}, audit.Anchor},
		{"it finds a proof that does not verify", handed{"bad": good}, audit.Anchor},
		{"it finds anchors out of reach", handed{"away": good}, audit.Unreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Anchors: tt.anchors}
			report, err := a.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			expect(t, report, tt.want, "")
			passed := slices.Contains(report.Passed, "every anchor is a beginning of the log")
			if all := tt.want == "" && len(tt.anchors) > 0; passed != all || all && report.Anchored != 300 {
				t.Errorf("%+v", report)
			}
		})
	}
}
