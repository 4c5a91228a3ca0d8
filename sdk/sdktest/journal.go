package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/sdk"
)

// TestJournal is what every sdk.Journal must pass. open answers a journal over
// the same storage each time it is called within one test, as a restart does, or
// as another process where the implementation lets several run; each call of
// fresh begins an empty one.
func TestJournal(t *testing.T, fresh func(t *testing.T) (open func() sdk.Journal)) {
	for name, test := range map[string]func(*testing.T, func() sdk.Journal){
		"it keeps what it acknowledged":          journalKeeps,
		"it refuses by name":                     journalRefuses,
		"it forgets what has run out":            journalRunsOut,
		"it lists oldest first":                  journalLists,
		"it gives one creator the entry":         journalOneCreator,
		"it gives one deleter the entry":         journalOneDeleter,
		"it keeps any text and any JSON":         journalKeepsText,
		"it ends with the context or before it":  journalContext,
		"it shares no memory with what it keeps": journalShares,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func item(kind, key string, value any) sdk.Entry {
	raw, err := json.Marshal(value)
	if err != nil {
		panic("sdktest: " + err.Error())
	}
	return sdk.Entry{Kind: kind, Key: key, Value: raw}
}

func want(t *testing.T, what string, got, wanted error) {
	t.Helper()
	if !errors.Is(got, wanted) {
		t.Errorf("%s: %v; want %v", what, got, wanted)
	}
}

func holds(t *testing.T, j sdk.Journal, kind, key, value string) {
	t.Helper()
	e, err := j.Get(t.Context(), kind, key)
	if err != nil || string(e.Value) != value || e.Kind != kind || e.Key != key {
		t.Errorf("%s %s: %s, %v; want %s", kind, key, e.Value, err, value)
	}
}

func journalKeeps(t *testing.T, open func() sdk.Journal) {
	ctx, j := t.Context(), open()
	want(t, "create", j.Create(ctx, item("use", "g/1", "a")), nil)
	want(t, "put over", j.Put(ctx, item("use", "g/1", "b")), nil)
	want(t, "put new", j.Put(ctx, item("use", "g/2", "c")), nil)
	want(t, "another kind", j.Create(ctx, item("pin", "g/1", "d")), nil)
	want(t, "delete", j.Delete(ctx, "pin", "g/1"), nil)
	for again := range 2 {
		if again == 1 {
			j = open()
		}
		holds(t, j, "use", "g/1", `"b"`)
		holds(t, j, "use", "g/2", `"c"`)
		_, err := j.Get(ctx, "pin", "g/1")
		want(t, "get what was deleted", err, sdk.ErrAbsent)
	}
}

func journalRefuses(t *testing.T, open func() sdk.Journal) {
	ctx, j := t.Context(), open()
	want(t, "delete nothing", j.Delete(ctx, "use", "g/1"), sdk.ErrAbsent)
	_, err := j.Get(ctx, "use", "g/1")
	want(t, "get nothing", err, sdk.ErrAbsent)
	want(t, "create", j.Create(ctx, item("use", "g/1", 1)), nil)
	want(t, "create again", j.Create(ctx, item("use", "g/1", 2)), sdk.ErrExists)
	holds(t, j, "use", "g/1", "1")
	want(t, "delete", j.Delete(ctx, "use", "g/1"), nil)
	want(t, "delete again", j.Delete(ctx, "use", "g/1"), sdk.ErrAbsent)
	want(t, "create after", j.Create(ctx, item("use", "g/1", 3)), nil)
}

func journalRunsOut(t *testing.T, open func() sdk.Journal) {
	ctx, j := t.Context(), open()
	past, later := item("ask", "past", 1), item("ask", "later", 1)
	past.Until, later.Until = time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	want(t, "put what has run out", j.Put(ctx, past), nil)
	want(t, "put what has not", j.Put(ctx, later), nil)
	_, err := j.Get(ctx, "ask", "past")
	want(t, "get what has run out", err, sdk.ErrAbsent)
	want(t, "delete what has run out", j.Delete(ctx, "ask", "past"), sdk.ErrAbsent)
	if all, err := j.List(ctx, "ask"); err != nil || len(all) != 1 || all[0].Key != "later" {
		t.Errorf("list: %v, %v", all, err)
	} else if got := all[0].Until; got.Sub(later.Until).Abs() > time.Second {
		t.Errorf("it lives until %v; want %v", got, later.Until)
	}
	want(t, "put what has run out", j.Put(ctx, past), nil)
	want(t, "create over what has run out", j.Create(ctx, item("ask", "past", 2)), nil)
	holds(t, open(), "ask", "past", "2")
}

func journalLists(t *testing.T, open func() sdk.Journal) {
	ctx, j := t.Context(), open()
	for i := range 12 {
		want(t, "create", j.Create(ctx, item("use", strconv.Itoa(11-i), i)), nil)
	}
	want(t, "put over", j.Put(ctx, item("use", "11", "changed")), nil) // it keeps its place
	want(t, "another kind", j.Put(ctx, item("pin", "x", 0)), nil)
	for again := range 2 {
		if again == 1 {
			j = open()
		}
		all, err := j.List(ctx, "use")
		if err != nil || len(all) != 12 {
			t.Fatalf("list: %v, %v", all, err)
		}
		for i, e := range all {
			if e.Key != strconv.Itoa(11-i) || e.Kind != "use" {
				t.Errorf("place %d: %s %s", i, e.Kind, e.Key)
			}
		}
	}
}

// race runs the same call by many at once and counts whose answer is nil.
func race(t *testing.T, lost error, call func(i int) error) {
	t.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			switch err := call(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, lost):
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

func journalOneCreator(t *testing.T, open func() sdk.Journal) {
	j := open()
	for round := range 8 {
		key := fmt.Sprintf("g/%d", round)
		race(t, sdk.ErrExists, func(i int) error { return j.Create(t.Context(), item("use", key, i)) })
		over := item("again", key, "past")
		over.Until = time.Now().Add(-time.Second)
		want(t, "put what has run out", j.Put(t.Context(), over), nil)
		race(t, sdk.ErrExists, func(i int) error { return j.Create(t.Context(), item("again", key, i)) })
	}
}

func journalOneDeleter(t *testing.T, open func() sdk.Journal) {
	j := open()
	for round := range 8 {
		key := fmt.Sprintf("s/%d", round)
		want(t, "put", j.Put(t.Context(), item("ask", key, 1)), nil)
		race(t, sdk.ErrAbsent, func(int) error { return j.Delete(t.Context(), "ask", key) })
	}
}

func journalKeepsText(t *testing.T, open func() sdk.Journal) {
	ctx, j := t.Context(), open()
	for i, text := range []string{"", "면허", "it's \"quoted\"; DROP TABLE mydata_journal", "line\nbreak", "a\\u0000b", "%_"} {
		key := strconv.Itoa(i) + text
		e := item("text", key, map[string]any{"text": text, "n": 1.5})
		want(t, "create", j.Create(ctx, e), nil)
		holds(t, j, "text", key, string(e.Value))
	}
	holds(t, open(), "text", "1면허", `{"n":1.5,"text":"면허"}`)
}

// journalContext: a journal that looks at the context changes nothing once it
// has ended; one that does not is done before it returns. Both say what is true.
func journalContext(t *testing.T, open func() sdk.Journal) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	j := open()
	err := j.Create(ended, item("use", "g/1", 1))
	again := j.Create(t.Context(), item("use", "g/1", 2))
	if err == nil && !errors.Is(again, sdk.ErrExists) {
		t.Errorf("it acknowledged what it did not keep: %v", again)
	}
	if err != nil && again != nil && !errors.Is(again, sdk.ErrExists) {
		t.Errorf("it is broken by a context that ended: %v", again)
	}
}

func journalShares(t *testing.T, open func() sdk.Journal) {
	ctx, j := t.Context(), open()
	e := item("use", "g/1", "kept")
	want(t, "create", j.Create(ctx, e), nil)
	got, err := j.Get(ctx, "use", "g/1")
	want(t, "get", err, nil)
	got.Value[1] = 'X'
	holds(t, j, "use", "g/1", `"kept"`)
}
