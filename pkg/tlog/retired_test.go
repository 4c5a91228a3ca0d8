package tlog_test

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/govmydata/mydata/pkg/tlog"
)

// changed is a change of the log's key from seed 1 to seed 2.
func changed(t testing.TB, active, retired time.Time) tlog.KeyChange {
	t.Helper()
	c, err := tlog.NewKeyChange(tlog.KeyChange{Old: vkey(t, 1), New: vkey(t, 2), Active: active, Retired: retired}, logSigner(t, 1), logSigner(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func vkey(t testing.TB, seed byte) tlog.Key {
	t.Helper()
	k, err := tlog.ParseKey(logVKey(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// signedBy is a checkpoint by the log's keys with these seeds, cosigned at these
// times by witnesses 11, 12 and on.
func signedBy(t testing.TB, keys []byte, at ...time.Time) []byte {
	t.Helper()
	var more []tlog.Signer
	for _, seed := range keys[1:] {
		more = append(more, logSigner(t, seed))
	}
	note, err := tlog.NewCheckpoint(logSigner(t, keys[0]), 7, tlog.Hash{1}, more...)
	if err != nil {
		t.Fatal(err)
	}
	for i, when := range at {
		s, err := tlog.NewCosigner(cosigner(t, byte(11+i)).Name(), key(byte(11+i)), func() time.Time { return when })
		if err != nil {
			t.Fatal(err)
		}
		note = add(t, note, s)
	}
	return note
}

// TestRetiredKey: what was cosigned while a key was in force counts for ever;
// what stands by a retired key alone does not.
func TestRetiredKey(t *testing.T) {
	end := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	before, after := end.Add(-time.Second), end.Add(time.Second)
	text := "log " + logVKey(1) + " https://log.example\nwitness a " + witnessVKey(11) + "\nwitness b " + witnessVKey(12) +
		"\nwitness c " + witnessVKey(13) + "\ngroup g 2 a b c\nquorum g\n"
	rekeyed, err := tlog.Rekey([]byte(text), changed(t, end.Add(-time.Hour), end))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := tlog.ParsePolicy(rekeyed)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		it   string
		keys []byte
		at   []time.Time
		want error
	}{
		{"it takes the old key alone when a quorum cosigned before its end", []byte{1}, []time.Time{before, before}, nil},
		{"it takes what one witness cosigned again later", []byte{1}, []time.Time{before, end, after}, nil},
		{"it refuses the old key alone when the quorum cosigned after its end", []byte{1}, []time.Time{after, after}, tlog.ErrRetired},
		{"it refuses the old key alone when one of the quorum cosigned after its end", []byte{1}, []time.Time{before, after}, tlog.ErrRetired},
		{"it takes both keys at any time", []byte{1, 2}, []time.Time{after, after}, nil},
		{"it takes the new key alone", []byte{2}, []time.Time{after, after}, nil},
		{"it says UNWITNESSED of the old key without a quorum", []byte{1}, []time.Time{before}, tlog.ErrUnwitnessed},
		{"it refuses a third key", []byte{3}, []time.Time{before, before}, tlog.ErrUnsigned},
	} {
		c, err := policy.Open(signedBy(t, test.keys, test.at...))
		if !errors.Is(err, test.want) || err == nil && c.Size != 7 {
			t.Errorf("%s: %v", test.it, err)
		}
		if errors.Is(err, tlog.ErrRetired) && (!errors.Is(err, tlog.ErrUnsigned) || c.Size != 0) {
			t.Errorf("%s: %v gives %v", test.it, err, c)
		}
	}
	if _, err := policy.Ever().Open(signedBy(t, []byte{1}, after, after)); err != nil {
		t.Errorf("what was kept is not read back: %v", err)
	}
	if one, ok := policy.One(); !ok || one.Key.String() != logVKey(2) || one.URL != "https://log.example" {
		t.Errorf("the log is %v", one)
	}
	policy, err = tlog.ParsePolicy([]byte("log " + logVKey(1) + "\n#log-until " + logVKey(1) + " " + end.Format(time.RFC3339) + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	for now, want := range map[time.Time]error{before: nil, end: tlog.ErrRetired} {
		policy.Now = func() time.Time { return now }
		if _, err := policy.Open(signedBy(t, []byte{1})); !errors.Is(err, want) {
			t.Errorf("without witnesses, at %s: %v", now, err)
		}
	}
}

func TestPolicyOfRetiredKey(t *testing.T) {
	log, other := "log "+logVKey(1)+"\n", tlog.LogKey("other.example", vkey(t, 2).Public).String()
	for name, line := range map[string]string{
		"of a key that is not there": "#log-until " + logVKey(2) + " 2026-03-01T00:00:00Z\n",
		"without a time":             "#log-until " + logVKey(1) + "\n",
		"with no time":               "#log-until " + logVKey(1) + " soon\n",
		"before there was time":      "#log-until " + logVKey(1) + " 1960-01-01T00:00:00Z\n",
		"misspelt":                   "#log-until2 " + logVKey(1) + " 2026-03-01T00:00:00Z\n",
		"twice":                      strings.Repeat("#log-until "+logVKey(1)+" 2026-03-01T00:00:00Z\n", 2),
	} {
		if _, err := tlog.ParsePolicy([]byte(log + line + "quorum none\n")); err == nil {
			t.Errorf("an end %s passes", name)
		}
	}
	p, err := tlog.ParsePolicy([]byte(log + "log " + other + "\n# log-until is a comment here\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.One(); ok {
		t.Error("two logs are one")
	}
	if _, ok := (tlog.Policy{}).One(); ok {
		t.Error("no log is one")
	}
	end := time.Unix(2000000000, 0)
	change := changed(t, end.Add(-time.Hour), end)
	once, err := tlog.Rekey([]byte(log+"quorum none\n"), change)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := tlog.Rekey(once, change); err != nil || string(again) != string(once) {
		t.Errorf("a change that is known is made again: %v", err)
	}
	both := log + "log " + change.New.String() + "\nquorum none\n"
	ended, err := tlog.Rekey([]byte(both), change)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := tlog.ParsePolicy(ended); err != nil || len(p.Logs) != 2 || !p.Logs[0].Until.Equal(end) || !p.Logs[1].Until.IsZero() {
		t.Errorf("a policy that had both keys: %v, %s", err, ended)
	}
	name, rest, _ := strings.Cut(logVKey(1), "+")
	id, public, _ := strings.Cut(rest, "+")
	loud, err := tlog.Rekey([]byte("log "+name+"+"+strings.ToUpper(id)+"+"+public+"\nquorum none\n"), change)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := tlog.ParsePolicy(loud); err != nil || len(p.Logs) != 2 || !p.Logs[0].Until.Equal(end) {
		t.Errorf("a key whose id is in capitals: %v, %s", err, loud)
	}
	if _, err := tlog.Rekey(once, changed(t, end.Add(-time.Hour), end.Add(time.Hour))); err == nil {
		t.Error("a change with another end than is known passes")
	}
	if _, err := tlog.Rekey([]byte("log "+logVKey(3)+"\nquorum none\n"), change); err == nil {
		t.Error("a change by a key that the policy does not have passes")
	}
	if _, err := tlog.Rekey([]byte(log+"#log-until "+logVKey(1)+" 2026-03-01T00:00:00Z\nquorum none\n"), change); err == nil {
		t.Error("a change by a key that has another end passes")
	}
}

func TestKeyChange(t *testing.T) {
	at := time.Unix(2000000000, 0).UTC()
	good := changed(t, at, at.Add(time.Hour))
	entry, err := good.Entry()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := tlog.ParseKeyChangeEntry(entry); err != nil || again.New.String() != logVKey(2) || !again.Retired.Equal(good.Retired) {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := twoOfThree(t).Open(good.Note); !errors.Is(err, tlog.ErrCheckpoint) && !errors.Is(err, tlog.ErrUnsigned) {
		t.Errorf("it passes for a checkpoint: %v", err)
	}
	text, lines, _ := strings.Cut(string(good.Note), "\n\n")
	first, second, _ := strings.Cut(lines, "\n")
	other := tlog.LogKey("other.example", vkey(t, 2).Public).String()
	for name, note := range map[string]string{
		"by the old key alone":    text + "\n\n" + first + "\n",
		"by the new key alone":    text + "\n\n" + second,
		"with a third signature":  string(good.Note) + "— other.example " + strings.Repeat("A", 92) + "\n",
		"with another end":        strings.Replace(string(good.Note), fmt.Sprint(good.Retired.Unix()), fmt.Sprint(good.Retired.Unix()+1), 1),
		"that ends as it begins":  strings.Replace(string(good.Note), fmt.Sprint(good.Retired.Unix()), fmt.Sprint(good.Active.Unix()), 1),
		"to a key of another log": strings.Replace(string(good.Note), logVKey(2), other, 1),
		"to the same key":         strings.Replace(string(good.Note), logVKey(2), logVKey(1), 1),
		"to a witness's key":      strings.Replace(string(good.Note), logVKey(2), witnessVKey(11), 1),
		"of another kind":         strings.Replace(string(good.Note), "/v1", "/v2", 1),
		"with a time of its own":  strings.Replace(string(good.Note), fmt.Sprint(good.Active.Unix()), "0"+fmt.Sprint(good.Active.Unix()), 1),
		"with one line more":      strings.Replace(string(good.Note), "\n\n", "\nmore\n\n", 1),
		"without signatures":      text + "\n",
		"without end":             string(good.Note) + strings.Repeat("— a.example AAAAAAAA\n", 300),
		"that is nothing":         "",
	} {
		if _, err := tlog.ParseKeyChange([]byte(note)); !errors.Is(err, tlog.ErrKeyChange) {
			t.Errorf("a change %s: %v", name, err)
		}
	}
	for name, lines := range map[string][4]string{ // signed by both, and wrong all the same
		"of another kind":           {"mydata/log-key-change/v2", logVKey(2), "2000000000", "2000000001"},
		"to a key of another log":   {"", other, "2000000000", "2000000001"},
		"to the same key":           {"", logVKey(1), "2000000000", "2000000001"},
		"from a witness's key":      {"", witnessVKey(11), "2000000000", "2000000001"},
		"that ends as it begins":    {"", logVKey(2), "2000000000", "2000000000"},
		"that ends before":          {"", logVKey(2), "2000000000", "1999999999"},
		"with a time of its own":    {"", logVKey(2), "02000000000", "2000000001"},
		"with a time beyond all":    {"", logVKey(2), "2000000000", "2000000000000"},
		"with one line more inside": {"", logVKey(2), "2000000000", "2000000001\nmore"},
	} {
		if _, err := tlog.ParseKeyChange(bothSigned(t, lines)); !errors.Is(err, tlog.ErrKeyChange) {
			t.Errorf("a change, signed, %s: %v", name, err)
		}
	}
	for name, body := range map[string]any{
		"another member": map[string]string{"note": string(good.Note), "more": ""},
		"no text":        map[string]int{"note": 1},
	} {
		entry, err := tlog.Statement(tlog.KindKeyChange, body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tlog.ParseKeyChangeEntry(entry); !errors.Is(err, tlog.ErrKeyChange) {
			t.Errorf("an entry with %s: %v", name, err)
		}
	}
	if other, err := tlog.Statement("other", map[string]string{"note": string(good.Note)}); err != nil {
		t.Error(err)
	} else if _, err := tlog.ParseKeyChangeEntry(other); !errors.Is(err, tlog.ErrKeyChange) {
		t.Errorf("a statement of another kind: %v", err)
	}
}

// bothSigned is a note of these lines after the old key's, signed by the old key
// and by all that the new one may be.
func bothSigned(t *testing.T, lines [4]string) []byte {
	t.Helper()
	text := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", cmp.Or(lines[0], "mydata/log-key-change/v1"), logVKey(1), lines[1], lines[2], lines[3])
	next := logSigner(t, 2)
	switch {
	case strings.HasPrefix(lines[1], "other.example"):
		s, err := tlog.NewSigner("other.example", key(2))
		if err != nil {
			t.Fatal(err)
		}
		next = s
	case strings.HasPrefix(lines[1], "witness.example"):
		next = cosigner(t, 11)
	case lines[1] == logVKey(1):
		next = logSigner(t, 1)
	}
	signed, err := note.Sign(&note.Note{Text: text}, logSigner(t, 1), next)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func FuzzParseKeyChange(f *testing.F) {
	at := time.Unix(2000000000, 0)
	f.Add(changed(f, at, at.Add(time.Hour)).Note)
	f.Add([]byte("mydata/log-key-change/v1\n\n\n\n\n"))
	f.Fuzz(func(t *testing.T, note []byte) {
		if c, err := tlog.ParseKeyChange(note); err == nil && (c.Old.Name != c.New.Name || !c.Active.Before(c.Retired)) {
			t.Errorf("%+v", c)
		}
	})
}
