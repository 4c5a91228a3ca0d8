package audit_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

const origin = "log.example/test"

// published is a log in a folder, laid out as its addresses.
type published struct {
	folder  string
	policy  tlog.Policy
	signer  tlog.Signer
	witness tlog.Signer
}

func private(seed byte) ed25519.PrivateKey {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return ed25519.NewKeyFromSeed(s)
}

func at() time.Time { return time.Unix(1_800_000_000, 0) }

func newLog(t testing.TB) *published {
	t.Helper()
	p := &published{folder: t.TempDir()}
	var err error
	if p.signer, err = tlog.NewSigner(origin, private(1)); err != nil {
		t.Fatal(err)
	}
	if p.witness, err = tlog.NewCosigner("witness.example", private(2), at); err != nil {
		t.Fatal(err)
	}
	p.policy, err = tlog.ParsePolicy(tlog.NewPolicy(
		tlog.Log{Key: tlog.LogKey(origin, private(1).Public().(ed25519.PublicKey))},
		[]tlog.Witness{{Name: "w", Key: tlog.WitnessKey("witness.example", private(2).Public().(ed25519.PublicKey))}}, 1))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *published) write(t *testing.T, name string, data []byte) {
	t.Helper()
	file := filepath.Join(p.folder, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, data, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func (p *published) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.folder, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func entryOf(n int) []byte {
	return tlog.Commitment("test", [32]byte{byte(n), byte(n >> 8)}, [32]byte{})
}

// publish writes a log of these entries, cosigned.
func (p *published) publish(t *testing.T, size int, entry func(int) []byte) []byte {
	t.Helper()
	var edge tlog.Edge
	tile := func(name tlog.Tile, hashes []tlog.Hash) {
		var data []byte
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		p.write(t, name.Path(), data)
	}
	for start := 0; start < size; start += tlog.TileWidth {
		var entries [][]byte
		for n := start; n < min(size, start+tlog.TileWidth); n++ {
			entries = append(entries, entry(n))
			edge.Append(tlog.LeafHash(entry(n)), tile)
		}
		bundle, err := tlog.MarshalBundle(entries)
		if err != nil {
			t.Fatal(err)
		}
		p.write(t, tlog.Tile{Level: tlog.Entries, Index: int64(start / tlog.TileWidth), Width: len(entries)}.Path(), bundle)
	}
	edge.Partial(tile)
	return p.sign(t, edge.Size(), edge.Root())
}

func (p *published) sign(t *testing.T, size int64, root tlog.Hash) []byte {
	t.Helper()
	note := p.signed(t, size, root)
	p.write(t, "checkpoint", note)
	return note
}

// signed is a checkpoint with its cosignature.
func (p *published) signed(t testing.TB, size int64, root tlog.Hash) []byte {
	t.Helper()
	note, err := tlog.NewCheckpoint(p.signer, size, root)
	if err != nil {
		t.Fatal(err)
	}
	line, err := tlog.Cosign(p.witness, note)
	if err != nil {
		t.Fatal(err)
	}
	if note, err = tlog.Merge(note, line); err != nil {
		t.Fatal(err)
	}
	return note
}

func (p *published) audit(t *testing.T, before []byte, events audit.Events) audit.Report {
	t.Helper()
	a := audit.Audit{Log: audit.Dir{FS: os.DirFS(p.folder)}, Policy: p.policy, Before: before, Events: events}
	report, err := a.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.First() == nil && string(a.Seen()) != string(p.read(t, "checkpoint")) {
		t.Error("it remembers another checkpoint")
	}
	return report
}

const (
	size    = 256*3 + 44
	oneTree = "entries, tiles and root are one tree"
)

func flip(data []byte, at int) []byte {
	data[at] ^= 1
	return data
}

// TestLies alters one thing in a published log of 812 entries and asks for the
// name of the lie.
//
//clause:log tlog-checkpoint, tlog-tiles as a reader: consistency (RFC 6962, 2.1.2), partial tiles that are gone
func TestLies(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(t *testing.T, p *published)
		want  audit.Check
		says  string
	}{
		{"it finds nothing in an honest log", func(*testing.T, *published) {}, "", ""},
		{"it finds an altered entry", func(t *testing.T, p *published) {
			p.write(t, "tile/entries/001", flip(p.read(t, "tile/entries/001"), 40))
		}, audit.Entry, "tile/entries/001, entry 257"},
		{"it finds an entry cut short", func(t *testing.T, p *published) {
			p.write(t, "tile/entries/001", p.read(t, "tile/entries/001")[:100])
		}, audit.Entry, "tile/entries/001"},
		{"it finds an altered tile", func(t *testing.T, p *published) {
			p.write(t, "tile/0/002", flip(p.read(t, "tile/0/002"), 64))
		}, audit.Tile, "tile/entries/002, entry 514"},
		{"it finds an altered partial tile", func(t *testing.T, p *published) {
			p.write(t, "tile/0/003.p/44", flip(p.read(t, "tile/0/003.p/44"), 0))
		}, audit.Tile, "entry 768"},
		{"it finds an altered higher tile", func(t *testing.T, p *published) {
			p.write(t, "tile/1/000.p/3", flip(p.read(t, "tile/1/000.p/3"), 32))
		}, audit.Tile, "tile/1/000.p/3: hash 1"},
		{"it finds a higher tile of another width", func(t *testing.T, p *published) {
			p.write(t, "tile/1/000.p/3", p.read(t, "tile/1/000.p/3")[:64])
		}, audit.Tile, "tile/1/000.p/3"},
		{"it finds entries and tiles altered together", func(t *testing.T, p *published) {
			note := p.read(t, "checkpoint")
			p.publish(t, size, func(n int) []byte {
				if n == 5 {
					return entryOf(5000)
				}
				return entryOf(n)
			})
			p.write(t, "checkpoint", note)
		}, audit.Root, "agree on another root"},
		{"it finds an altered root", func(t *testing.T, p *published) { p.sign(t, size, tlog.Hash{1}) }, audit.Root, ""},
		{"it finds a checkpoint of a smaller tree under its own tiles", func(t *testing.T, p *published) {
			other := newLog(t)
			p.write(t, "checkpoint", other.publish(t, 256, func(n int) []byte { return entryOf(n + 1) }))
		}, audit.Root, ""},
		{"it finds an altered checkpoint", func(t *testing.T, p *published) {
			p.write(t, "checkpoint", []byte(strings.Replace(string(p.read(t, "checkpoint")), "812", "811", 1)))
		}, audit.Checkpoint, ""},
		{"it finds another log's checkpoint", func(t *testing.T, p *published) {
			var err error
			if p.signer, err = tlog.NewSigner("other.example", private(1)); err != nil {
				t.Fatal(err)
			}
			p.sign(t, size, tlog.Hash{})
		}, audit.Checkpoint, ""},
		{"it finds too few witnesses", func(t *testing.T, p *published) {
			note := string(p.read(t, "checkpoint"))
			before, _, _ := strings.Cut(note, "— witness")
			p.write(t, "checkpoint", []byte(before))
		}, audit.Unwitnessed, "0 witnesses"},
		{"it finds a missing checkpoint", func(t *testing.T, p *published) { remove(t, p, "checkpoint") }, audit.Unreadable, "checkpoint"},
		{"it finds a missing bundle", func(t *testing.T, p *published) { remove(t, p, "tile/entries/001") }, audit.Unreadable, "tile/entries/001"},
		{"it finds a missing tile", func(t *testing.T, p *published) { remove(t, p, "tile/0/001") }, audit.Unreadable, "tile/0/001"},
		{"it finds a missing higher tile", func(t *testing.T, p *published) { remove(t, p, "tile/1/000.p/3") }, audit.Unreadable, "tile/1/000.p/3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newLog(t)
			p.publish(t, size, entryOf)
			tt.alter(t, p)
			r := p.audit(t, nil, nil)
			expect(t, r, tt.want, tt.says)
			if whole := tt.want == "" || tt.want == audit.Unwitnessed; len(r.Findings) > 1 || slices.Contains(r.Passed, oneTree) != whole {
				t.Errorf("%+v", r)
			}
		})
	}
}

func remove(t *testing.T, p *published, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(p.folder, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, r audit.Report, want audit.Check, says string) {
	t.Helper()
	if want == "" {
		if r.First() != nil {
			t.Fatalf("it finds %v", r.First())
		}
		return
	}
	if len(r.Findings) == 0 || r.Findings[0].Check != want || !strings.Contains(r.Findings[0].Detail, says) {
		t.Fatalf("it finds %+v, want %s: %s", r.Findings, want, says)
	}
	coded, ok := errors.AsType[audit.Finding](r.First())
	if !ok || coded.ExitCode() < 2 || coded.ExitCode() != want.ExitCode() || coded.Code() != string(want) {
		t.Errorf("exit code %d", coded.ExitCode())
	}
}

// TestMemory shows an auditor one log after another.
//
//clause:log tlog-checkpoint, tlog-tiles as a reader: consistency (RFC 6962, 2.1.2), partial tiles that are gone
func TestMemory(t *testing.T) {
	fork := func(n int) []byte {
		if n >= 100 {
			return entryOf(n + 7000)
		}
		return entryOf(n)
	}
	for _, tt := range []struct {
		name   string
		before func(t *testing.T, p *published) []byte
		now    func(t *testing.T, p *published) []byte
		want   audit.Check
		notes  int
		passed int
	}{
		{"it takes a log that grew", grown(300, entryOf), grown(size, entryOf), "", 0, 4},
		{"it takes a log that grew from nothing", grown(0, entryOf), grown(size, entryOf), "", 0, 4},
		{"it takes the same log again", grown(size, entryOf), grown(size, entryOf), "", 0, 4},
		{"it takes a fork that lies ahead", grown(100, fork), grown(size, entryOf), "", 0, 4},
		{"it takes what was seen before too few cosigned it", func(t *testing.T, p *published) []byte {
			note, _, _ := strings.Cut(string(p.publish(t, 300, entryOf)), "— witness")
			return []byte(note)
		}, grown(size, entryOf), "", 0, 4},
		{"it names the place of an altered tile in what was seen before", grown(300, entryOf), func(t *testing.T, p *published) []byte {
			note := p.publish(t, size, entryOf)
			p.write(t, "tile/0/000", flip(p.read(t, "tile/0/000"), 64))
			return note
		}, audit.Tile, 0, 2},
		{"it finds a log set back", grown(size, entryOf), grown(300, entryOf), audit.RolledBack, 2, 2},
		{"it finds a log emptied", grown(size, entryOf), grown(0, entryOf), audit.RolledBack, 2, 2},
		{"it finds two logs of one size", grown(300, fork), grown(300, entryOf), audit.TwoLogs, 2, 2},
		{"it finds two logs of two sizes", grown(300, fork), grown(size, entryOf), audit.TwoLogs, 2, 3},
		{"it does not take what it never wrote", func(*testing.T, *published) []byte { return []byte("x") }, grown(300, entryOf), audit.Remembered, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.before(t, newLog(t))
			p := newLog(t)
			tt.now(t, p)
			r := p.audit(t, before, nil)
			expect(t, r, tt.want, "")
			if tt.want != "" && (len(r.Findings) != 1 || len(r.Findings[0].Evidence) != tt.notes) || len(r.Passed) != tt.passed {
				t.Errorf("%+v", r)
			}
			if tt.want == audit.Tile && !strings.Contains(r.Findings[0].Detail, "entry 2") {
				t.Errorf("it finds it at %s", r.Findings[0].Detail)
			}
		})
	}
}

// TestMemoryOfAnotherLog remembers a checkpoint of another log that the policy
// takes as well.
func TestMemoryOfAnotherLog(t *testing.T) {
	p, other := newLog(t), newLog(t)
	var err error
	if other.signer, err = tlog.NewSigner("other.example", private(1)); err != nil {
		t.Fatal(err)
	}
	p.publish(t, size, entryOf)
	p.policy.Logs = append(p.policy.Logs, tlog.Log{Key: tlog.LogKey("other.example", private(1).Public().(ed25519.PublicKey))})
	expect(t, p.audit(t, other.publish(t, 300, entryOf), nil), audit.Remembered, "")
}

// TestMemoryUnderARetiredKey goes on from a checkpoint whose key was retired
// since, and begins no walk by a new one of that key.
func TestMemoryUnderARetiredKey(t *testing.T) {
	p, before := newLog(t), newLog(t).publish(t, 300, entryOf)
	p.publish(t, size, entryOf)
	p.policy.Logs = []tlog.Log{
		{Key: p.policy.Logs[0].Key, Until: at().Add(-time.Hour)}, {Key: tlog.LogKey(origin, private(9).Public().(ed25519.PublicKey))},
	}
	expect(t, p.audit(t, before, nil), audit.Checkpoint, "retired")
	var err error
	if p.signer, err = tlog.NewSigner(origin, private(9)); err != nil {
		t.Fatal(err)
	}
	p.publish(t, size, entryOf)
	expect(t, p.audit(t, before, nil), "", "")
}

func grown(size int, entry func(int) []byte) func(*testing.T, *published) []byte {
	return func(t *testing.T, p *published) []byte { return p.publish(t, size, entry) }
}

func TestHTTP(t *testing.T) {
	p := newLog(t)
	p.publish(t, size, entryOf)
	server := httptest.NewServer(http.StripPrefix("/log", http.FileServer(http.Dir(p.folder))))
	defer server.Close()
	source, err := audit.NewHTTP(server.URL) // a hub's address
	if err != nil {
		t.Fatal(err)
	}
	a := audit.Audit{Log: source, Policy: p.policy}
	report, err := a.Run(t.Context())
	if err != nil || report.First() != nil || report.Size != size {
		t.Errorf("%+v, %v", report, err)
	}
	server.Close()
	if report, err = a.Run(t.Context()); err != nil || report.Findings[0].Check != audit.Unreadable {
		t.Errorf("%+v, %v", report, err)
	}
	for _, bad := range []string{"", "log", "ftp://log.example", "http://", ":"} {
		if _, err := audit.NewHTTP(bad); err == nil {
			t.Errorf("it takes %q", bad)
		}
	}
}

// TestFullInsteadOfPartial deletes partial tiles once the full ones are there,
// as C2SP tlog-tiles allows.
//
//clause:log tlog-checkpoint, tlog-tiles as a reader: consistency (RFC 6962, 2.1.2), partial tiles that are gone
func TestFullInsteadOfPartial(t *testing.T) {
	small, p := newLog(t), newLog(t)
	note := small.publish(t, 300, entryOf)
	p.publish(t, size, entryOf)
	p.write(t, "checkpoint", note)
	p.write(t, "tile/1/000.p/1", small.read(t, "tile/1/000.p/1"))
	expect(t, p.audit(t, nil, nil), "", "")
}
