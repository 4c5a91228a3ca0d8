package audit_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// cut is a log that is out of reach, or whose reader is told to stop, after so
// many bundles.
type cut struct {
	audit.Source
	left int
	stop func()
	read []string
}

func (c *cut) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	c.read = append(c.read, t.Path())
	if t.Level == tlog.Entries {
		if c.left--; c.left < 0 && c.stop == nil {
			return nil, errors.New("out of reach")
		} else if c.left < 0 {
			c.stop()
		}
	}
	return c.Source.Tile(ctx, t)
}

// interrupted walks the first bundles of a log and gives what was kept.
func interrupted(t *testing.T, p *published, bundles int, told bool) *audit.Progress {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source := &cut{Source: audit.Dir{FS: os.DirFS(p.folder)}, left: bundles}
	if told {
		source.stop = cancel
	}
	var kept *audit.Progress
	a := audit.Audit{Log: source, Policy: p.policy, Keep: func(p audit.Progress) error { kept = &p; return nil }}
	report, err := a.Run(ctx)
	if told != errors.Is(err, context.Canceled) || !told && report.Findings[0].Check != audit.Unreadable {
		t.Fatalf("%+v, %v", report, err)
	}
	if kept == nil {
		t.Fatal("nothing is kept")
	}
	text, err := kept.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := audit.ParseProgress(text)
	if err != nil {
		t.Fatal(err)
	}
	return &again
}

func (p *published) resume(t *testing.T, from *audit.Progress) (audit.Report, []string) {
	t.Helper()
	source := &cut{Source: audit.Dir{FS: os.DirFS(p.folder)}, left: 1 << 30}
	a := audit.Audit{Log: source, Policy: p.policy, Resume: from}
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report, source.read
}

// TestResume interrupts a walk after two of four bundles and goes on with what
// the log shows then.
func TestResume(t *testing.T) {
	fork := func(from int) func(int) []byte {
		return func(n int) []byte {
			if n >= from {
				return entryOf(n + 7000)
			}
			return entryOf(n)
		}
	}
	for _, tt := range []struct {
		name string
		now  func(t *testing.T, p *published)
		want audit.Check
	}{
		{"it goes on in the same log", func(*testing.T, *published) {}, ""},
		{"it goes on in a log that grew", func(t *testing.T, p *published) { p.publish(t, 1500, entryOf) }, ""},
		{"it finds a log set back to before where it stopped", func(t *testing.T, p *published) { p.publish(t, 300, entryOf) }, audit.RolledBack},
		{"it finds a log set back to after where it stopped", func(t *testing.T, p *published) { p.publish(t, 700, entryOf) }, audit.RolledBack},
		{"it finds another beginning", func(t *testing.T, p *published) { p.publish(t, 1500, fork(10)) }, audit.TwoLogs},
		{"it finds another end than it was walking to", func(t *testing.T, p *published) { p.publish(t, 1500, fork(800)) }, audit.TwoLogs},
		{"it finds another root of the same size", func(t *testing.T, p *published) { p.publish(t, size, fork(800)) }, audit.TwoLogs},
		{"it finds an entry altered later", func(t *testing.T, p *published) {
			p.write(t, "tile/entries/003.p/44", flip(p.read(t, "tile/entries/003.p/44"), 40))
		}, audit.Entry},
		{"it finds a tile altered that was read before", func(t *testing.T, p *published) {
			p.publish(t, 1500, entryOf)
			p.write(t, "tile/1/000.p/5", flip(p.read(t, "tile/1/000.p/5"), 0))
		}, audit.Tile},
	} {
		for _, told := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				p := newLog(t)
				p.publish(t, size, entryOf)
				kept := interrupted(t, p, 2, told)
				if least := int64(512); kept.Size != least && !(told && kept.Size == 768) {
					t.Fatalf("kept %d", kept.Size)
				}
				tt.now(t, p)
				report, read := p.resume(t, kept)
				expect(t, report, tt.want, "")
				if slices.Contains(read, "tile/entries/000") {
					t.Error("it reads again what it had verified")
				}
				if tt.want == "" && report.Resumed != kept.Size {
					t.Errorf("resumed %d", report.Resumed)
				}
				if (tt.want == audit.TwoLogs || tt.want == audit.RolledBack) && len(report.Findings[0].Evidence) != 2 {
					t.Errorf("evidence %q", report.Findings[0].Evidence)
				}
			})
		}
	}
}

// TestResumeRemembersKeyChanges: what the log said of its key before the walk was
// interrupted is judged at its end.
func TestResumeRemembersKeyChanges(t *testing.T) {
	old, err := tlog.NewSigner(origin, private(7))
	if err != nil {
		t.Fatal(err)
	}
	next, err := tlog.NewSigner(origin, private(8))
	if err != nil {
		t.Fatal(err)
	}
	key := func(seed byte) tlog.Key { return tlog.LogKey(origin, private(seed).Public().(ed25519.PublicKey)) }
	change, err := tlog.NewKeyChange(tlog.KeyChange{Old: key(7), New: key(8), Active: at(), Retired: at().Add(time.Hour)}, old, next)
	if err != nil {
		t.Fatal(err)
	}
	says, err := change.Entry()
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []int{10, size - 1} { // before it was interrupted, and after
		p := newLog(t)
		p.publish(t, size, func(n int) []byte {
			if n == where || n == where+1 { // twice
				return says
			}
			return entryOf(n)
		})
		kept := interrupted(t, p, 2, false)
		report, _ := p.resume(t, kept)
		expect(t, report, audit.Key, "neither key")
		if len(report.Findings) != 1 || report.Resumed != 512 {
			t.Errorf("%d: %+v", where, report)
		}
		kept.Keys = []string{"x"}
		report, _ = p.resume(t, kept)
		expect(t, report, audit.Remembered, "")
	}
}

func TestProgressOfAnotherLog(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	kept := interrupted(t, p, 2, false)
	kept.Note = strings.ReplaceAll(kept.Note, "812", "900")
	report, read := p.resume(t, kept)
	expect(t, report, audit.Remembered, "interrupted")
	if len(report.Findings) != 1 || len(read) != 0 {
		t.Errorf("%+v, read %v", report, read)
	}
}

// TestProgressThatFitsNothing goes on from nothing that was not verified.
func TestProgressThatFitsNothing(t *testing.T) {
	p := newLog(t)
	first := string(p.publish(t, 300, entryOf))
	note := string(p.publish(t, size, entryOf))
	for _, tt := range []struct {
		name string
		from audit.Progress
	}{
		{"it does not begin amid a bundle", audit.Progress{Size: 300, Note: note}},
		{"it does not begin past what was being walked", audit.NewProgress(edgeOf(512), []byte(first))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report, read := p.resume(t, &tt.from)
			expect(t, report, audit.Remembered, "damaged")
			if len(report.Findings) != 1 || len(read) != 0 {
				t.Errorf("%+v, read %v", report, read)
			}
		})
	}
}

// TestResumeWithEvents begins anew: each event wants its leaf.
func TestResumeWithEvents(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	r := rows{}
	for n := range size {
		r.stored = append(r.stored, audit.Stored{Name: "row", Entry: entryOf(n)})
	}
	a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Events: r, Resume: interrupted(t, p, 2, false),
		Keep: func(audit.Progress) error { t.Error("it keeps what does not know of the events"); return nil }}
	report, err := a.Run(t.Context())
	if err != nil || report.Resumed != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	expect(t, report, "", "")
}

// TestProgressNotKept ends with the error, and passes nothing.
func TestProgressNotKept(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	full := errors.New("disk full")
	a := audit.Audit{Log: &cut{Source: audit.Dir{FS: os.DirFS(p.folder)}, left: 2}, Policy: p.policy, Keep: func(audit.Progress) error { return full }}
	if report, err := a.Run(t.Context()); !errors.Is(err, full) || slices.Contains(report.Passed, oneTree) {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestNoProgressPastALie alters the second bundle: what follows is never kept
// as verified.
func TestNoProgressPastALie(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	p.write(t, "tile/entries/001", flip(p.read(t, "tile/entries/001"), 40))
	a := audit.Audit{Log: &cut{Source: audit.Dir{FS: os.DirFS(p.folder)}, left: 3}, Policy: p.policy,
		Keep: func(p audit.Progress) error { t.Errorf("kept %d", p.Size); return nil }}
	if _, err := a.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestKeptWhileItAgrees: a walk calls nothing verified from the first difference
// on.
func TestKeptWhileItAgrees(t *testing.T) {
	p := newLog(t)
	c, err := p.policy.Open(p.publish(t, size, entryOf))
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "tile/entries/001", flip(p.read(t, "tile/entries/001"), 40))
	var kept []int64
	w := audit.Walk{Log: audit.Dir{FS: os.DirFS(p.folder)}, To: c, Kept: func(e *tlog.Edge) error { kept = append(kept, e.Size()); return nil }}
	if _, found, err := w.Run(t.Context()); err != nil || found == nil || found.Check != audit.Entry || !slices.Equal(kept, []int64{256}) {
		t.Errorf("%v, %v, kept %v", found, err, kept)
	}
}

func TestProgressDamaged(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	text, err := interrupted(t, p, 2, false).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		if _, err := audit.ParseProgress(flip(slices.Clone(text), i)); err == nil {
			t.Errorf("it takes a flip of byte %d", i)
		}
	}
	for _, bad := range []audit.Progress{{Size: 255}, {Size: 255, Edge: map[string][]byte{"tile/0/000.p/255": make([]byte, 255*32)}}, {Size: -256}, {Size: 256}, {Size: 256, Edge: map[string][]byte{"tile/1/000.p/1": {1}}}} {
		text, err := bad.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := audit.ParseProgress(text); err == nil {
			t.Errorf("it takes %+v", bad)
		}
	}
	long, err := audit.Progress{Note: strings.Repeat("x", 1<<20)}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.ParseProgress(long); err == nil {
		t.Error("it takes more than it ever keeps")
	}
}

func FuzzParseProgress(f *testing.F) {
	good, err := audit.Progress{Size: 256, Edge: map[string][]byte{"tile/1/000.p/1": make([]byte, 32)}, Note: "x"}.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := audit.ParseProgress(text)
		if err != nil {
			return
		}
		if edge, err := p.At(); err != nil || edge.Size() != p.Size {
			t.Errorf("%+v: %v", p, err)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Error(err)
		}
	})
}
