package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

func openJournal(t testing.TB, path string) *FileJournal {
	t.Helper()
	j, err := OpenFileJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func text(kind, key, value string) Entry {
	raw, _ := json.Marshal(value)
	return Entry{Kind: kind, Key: key, Value: raw}
}

func TestJournalContract(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)

	check := func(name string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	check("create", j.Create(ctx, text("use", "g/1", "a")), nil)
	check("create again", j.Create(ctx, text("use", "g/1", "b")), ErrExists)
	check("another kind", j.Create(ctx, text("pin", "g/1", "c")), nil)
	check("put over", j.Put(ctx, text("use", "g/1", "d")), nil)
	check("put new", j.Put(ctx, text("use", "g/2", "e")), nil)
	check("delete", j.Delete(ctx, "pin", "g/1"), nil)
	check("delete twice", j.Delete(ctx, "pin", "g/1"), ErrAbsent)
	past := text("ask", "s", "f")
	past.Until = time.Now().Add(-time.Second)
	check("put what has run out", j.Put(ctx, past), nil)
	_, err := j.Get(ctx, "ask", "s")
	check("get what has run out", err, ErrAbsent)
	check("create over what has run out", j.Create(ctx, text("ask", "s", "g")), nil)

	for range 2 { // as it stands, and as it is read again
		got, err := kept[string](ctx, j, "use", "g/1")
		if err != nil || got != "d" {
			t.Errorf("use g/1 = %q, %v", got, err)
		}
		all, err := j.List(ctx, "use")
		if err != nil || len(all) != 2 || all[0].Key != "g/1" || all[1].Key != "g/2" {
			t.Errorf("List = %v, %v", all, err)
		}
		_, err = j.Get(ctx, "pin", "g/1")
		check("get what was deleted", err, ErrAbsent)
		j.Close()
		check("put when closed", ignoreNamed(j.Put(ctx, text("x", "y", "z"))), nil)
		j = openJournal(t, path)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: others can read it", info.Mode())
	}
}

// ignoreNamed is nil for an error, and an error for nil.
func ignoreNamed(err error) error {
	if err == nil {
		return errors.New("it was accepted")
	}
	return nil
}

func TestJournalGivesOneWinner(t *testing.T) {
	j := openJournal(t, filepath.Join(t.TempDir(), "journal"))
	var wins sync.Map
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if j.Create(context.Background(), text("use", "g/1", strconv.Itoa(i))) == nil {
				wins.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d creations won", n)
	}
}

func TestJournalHasOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	openJournal(t, path)
	if _, err := OpenFileJournal(path); err == nil {
		t.Error("it opened twice")
	}
}

// It is cut at every byte: what was acknowledged before the cut is there, what
// came after is not, and it can be written on.
func TestJournalTornWrite(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	ends := map[int]int{} // size of the file -> entries acknowledged
	for i := range 4 {
		if err := j.Create(ctx, text("use", strconv.Itoa(i), "v")); err != nil {
			t.Fatal(err)
		}
		info, _ := os.Stat(path)
		ends[int(info.Size())] = i + 1
	}
	j.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for cut := range len(whole) + 1 {
		if n, ok := ends[cut]; ok {
			want = n
		}
		torn := filepath.Join(t.TempDir(), "torn")
		if err := os.WriteFile(torn, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		k := openJournal(t, torn)
		got, err := k.List(ctx, "use")
		if err != nil || len(got) != want {
			t.Fatalf("cut at %d: %d entries, want %d (%v)", cut, len(got), want, err)
		}
		if err := k.Create(ctx, text("use", "after", "v")); err != nil {
			t.Fatal(err)
		}
		k.Close()
		if got, _ := openJournal(t, torn).List(ctx, "use"); len(got) != want+1 {
			t.Fatalf("cut at %d: lost what was written after", cut)
		}
	}
}

func TestJournalRefusesDamageInTheMiddle(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	for i := range 3 {
		j.Create(ctx, text("use", strconv.Itoa(i), "value"))
	}
	j.Close()
	whole, _ := os.ReadFile(path)
	whole[bytes.Index(whole, []byte("value"))] ^= 1
	os.WriteFile(path, whole, 0o600)
	if _, err := OpenFileJournal(path); err == nil {
		t.Error("it opened")
	}
	os.WriteFile(path, []byte("something else entirely, not a journal\n"), 0o600)
	if _, err := OpenFileJournal(path); err == nil {
		t.Error("it opened another kind of file, and would have overwritten it")
	}
}

// faulty breaks one write in one way.
type faulty struct {
	*os.File
	keep int  // how many bytes of the write reach the file; -1: all
	sync bool // whether Sync is what fails
}

func (f faulty) Write(b []byte) (int, error) {
	if f.keep < 0 {
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:min(f.keep, len(b))])
	return n, errors.New("disk full")
}

func (f faulty) Sync() error {
	if f.sync {
		return errors.New("disk gone")
	}
	return f.File.Sync()
}

func TestJournalFault(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault faulty
		kept  bool
	}{
		{"it tolerates a write that failed and was lost", faulty{keep: 0}, false},
		{"it tolerates a write that failed half way", faulty{keep: 20}, false},
		{"it tolerates a write that failed yet was kept", faulty{keep: -1, sync: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			path := filepath.Join(t.TempDir(), "journal")
			j := openJournal(t, path)
			if err := j.Create(ctx, text("use", "before", "v")); err != nil {
				t.Fatal(err)
			}
			tt.fault.File = j.file.(*os.File)
			j.file = tt.fault
			if err := j.Create(ctx, text("use", "g/1", "v")); err == nil {
				t.Fatal("it acknowledged what failed")
			}
			if err := j.Create(ctx, text("use", "g/2", "v")); err == nil {
				t.Error("it goes on although it cannot know what was kept")
			}
			if _, err := j.Get(ctx, "use", "before"); err == nil {
				t.Error("it answers although it cannot know what was kept")
			}
			j.Close()
			k := openJournal(t, path)
			if _, err := k.Get(ctx, "use", "before"); err != nil {
				t.Error(err)
			}
			err := k.Create(ctx, text("use", "g/1", "v"))
			if got := errors.Is(err, ErrExists); got != tt.kept {
				t.Errorf("retry: %v", err)
			}
		})
	}
}

// A value is somebody's, and the file has lines.
func TestJournalKeepsALineALine(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	for _, tt := range []struct{ name, value, kept string }{
		{"it keeps JSON as it is", `{"b":"<면허>","a":1}`, `{"b":"<면허>","a":1}`},
		{"it takes line breaks out", "{\n\"a\": [1,\r\n2]\n}", `{"a":[1,2]}`},
		{"it refuses what ends early", `{"a":1`, ""},
		{"it refuses two values", `1,"until":2`, ""},
		{"it refuses a line within a text", "\"a\nb\"", ""},
	} {
		err := j.Put(ctx, Entry{Kind: "use", Key: tt.name, Value: json.RawMessage(tt.value)})
		if (err == nil) != (tt.kept != "") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := j.Put(ctx, Entry{Kind: "use", Key: "nothing"}); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Count(text, []byte("\n")) != 1+3 {
		t.Errorf("%q, %v", text, err)
	}
	all, err := openJournal(t, path).List(ctx, "use")
	if err != nil || len(all) != 3 || len(all[2].Value) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	if a, b := string(all[0].Value), string(all[1].Value); a != `{"b":"<면허>","a":1}` || b != `{"a":[1,2]}` {
		t.Errorf("%s %s", a, b)
	}
}

func FuzzJournal(f *testing.F) {
	good, _ := encodeLine(&line{"put", text("use", "g/1", "v")})
	gone, _ := encodeLine(&line{"delete", Entry{Kind: "use", Key: "g/1"}})
	f.Add(append([]byte(journalHead), good...))
	f.Add(append(append([]byte(journalHead), good...), gone...))
	f.Add([]byte(journalHead + "00000000 {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		j := &FileJournal{now: time.Now, rows: map[string]*row{}}
		if j.replay(text) != nil {
			return
		}
		for _, r := range j.rows {
			l, err := encodeLine(&line{"put", r.Entry})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeLine(bytes.TrimSuffix(l, []byte("\n"))); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestJournalForgetsWhatIsPast(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "journal")
	j := openJournal(t, path)
	if err := j.Create(ctx, text("use", "g/1", "kept")); err != nil {
		t.Fatal(err)
	}
	j.lines = compactFrom - 2 // as after many changes
	for range 3 {
		if err := j.Put(ctx, text("ask", "s", "v")); err != nil {
			t.Fatal(err)
		}
	}
	if j.lines > 10 {
		t.Errorf("%d lines: it was not rewritten", j.lines)
	}
	j.Close()
	k := openJournal(t, path)
	for _, e := range []Entry{text("use", "g/1", "kept"), text("ask", "s", "v")} {
		if got, err := k.Get(ctx, e.Kind, e.Key); err != nil || string(got.Value) != string(e.Value) {
			t.Errorf("%s: %s, %v", e.Kind, got.Value, err)
		}
	}
}

// What was kept is there when the journal is opened again, however large: a line that
// the reader would take for a torn one is not written.
func TestJournalReadsWhatItWrote(t *testing.T) {
	ctx := context.Background()
	for _, over := range []int{-10, -9, -1, 0, 1} {
		path := filepath.Join(t.TempDir(), "journal")
		j := openJournal(t, path)
		e := Entry{Kind: "use", Key: "k", Value: json.RawMessage(`""`)}
		bare, err := json.Marshal(line{"put", e})
		if err != nil {
			t.Fatal(err)
		}
		e.Value = json.RawMessage(`"` + string(bytes.Repeat([]byte("a"), maxJournalLine-len(bare)+over)) + `"`)
		kept := j.Put(ctx, e)
		if (kept == nil) != (over <= 0) {
			t.Errorf("a line of %d bytes more than there may be: %v", over, kept)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		again := openJournal(t, path)
		if _, err := again.Get(ctx, "use", "k"); (err == nil) != (kept == nil) {
			t.Errorf("%d: put answered %v, and then it is %v", over, kept, err)
		}
	}
}
