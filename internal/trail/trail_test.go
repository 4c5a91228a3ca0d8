package trail

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// kept is a store that can break.
type kept struct {
	rows   []Entry
	leaves [][]byte
	fails  int // that many calls, from the next one on
	after  int // but only after so many calls
}

var errGone = errors.New("the database is gone")

func (k *kept) Add(ctx context.Context, e Entry, leaf []byte) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if k.after > 0 {
		k.after--
	} else if k.fails > 0 {
		k.fails--
		return errGone
	}
	k.rows, k.leaves = append(k.rows, e), append(k.leaves, leaf)
	return nil
}

func (k *kept) Acts(context.Context, time.Time, int) ([]Act, error) {
	return []Act{{ID: "1", Outcome: Done}, {ID: "2"}}, nil
}

var errTaken = errors.New("taken")

func word(err error) string {
	if errors.Is(err, errTaken) {
		return "taken"
	}
	return Failed
}

func TestDo(t *testing.T) {
	login := int64(1001)
	by := Caller{UID: 7, Login: &login}
	target := Target{Kind: Resident, ID: "resident-01"}
	client := Target{Kind: Client, ID: "portal"}
	for _, c := range []struct {
		name    string
		fails   int // of the store
		after   int
		becomes Target
		err     error // of the act
		called  bool
		want    error
		outcome string
		log     string
	}{
		{"it keeps beginning and end", 0, 0, Target{}, nil, true, nil, Done, ""},
		{"it keeps the target that the act found", 0, 0, client, nil, true, nil, Done, ""},
		{"it keeps why an act was refused", 0, 0, Target{}, errTaken, true, errTaken, "taken", ""},
		{"it keeps that an act failed", 0, 0, Target{}, errGone, true, errGone, Failed, ""},
		{"it tries again to keep", 2, 0, Target{}, nil, true, nil, Done, ""},
		{"it does nothing that it cannot keep", 3, 0, Target{}, nil, false, ErrNotKept, "", ""},
		{"it says what it lost", 3, 1, Target{}, nil, true, nil, "", "is not kept"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			k := &kept{fails: c.fails, after: c.after}
			tr := Trail{k, func() time.Time { return time.Unix(1000, 999) }, slog.New(slog.NewTextHandler(&log, nil))}
			ctx, cancel := context.WithCancel(WithCaller(t.Context(), by))
			called := false
			err := tr.Do(ctx, "enrol", target, word, func() (Target, error) {
				called = true
				if len(k.rows) != 1 || k.rows[0].Step != Begun || k.rows[0].Outcome != "" {
					t.Errorf("before the act: %+v", k.rows)
				}
				cancel() // whoever asked has gone: the end is kept all the same
				return c.becomes, c.err
			})
			defer cancel()
			if called != c.called || !errors.Is(err, c.want) || !strings.Contains(log.String(), c.log) {
				t.Errorf("called %v, %v, log %s", called, err, &log)
			}
			if c.outcome == "" {
				return
			}
			end, after := k.rows[1], target
			if c.becomes != (Target{}) {
				after = c.becomes
			}
			if end.Step != Ended || end.Outcome != c.outcome || end.Act != k.rows[0].Act || end.Target != after || *end.By.Login != login || end.At != time.Unix(1000, 0).UTC() {
				t.Errorf("end %+v", end)
			}
			if end.Salt == k.rows[0].Salt || end.Salt == [32]byte{} {
				t.Error("no salt of its own")
			}
		})
	}
	t.Run("it keeps what a row can hold of an id", func(t *testing.T) {
		k := &kept{}
		tr := Trail{k, time.Now, slog.Default()}
		odd := Target{Kind: Resident, ID: "a\x00b\xff" + strings.Repeat("c", 300)}
		must := tr.Do(WithCaller(t.Context(), by), "enrol", odd, word, func() (Target, error) { return odd, nil })
		if must != nil || k.rows[0].Target.ID != "ab"+strings.Repeat("c", 196) || k.rows[1].Target != k.rows[0].Target {
			t.Errorf("%v, %+v", must, k.rows)
		}
	})
	t.Run("it does nothing for whom nobody knows", func(t *testing.T) {
		tr := Trail{&kept{}, time.Now, slog.Default()}
		err := tr.Do(t.Context(), "enrol", target, word, func() (Target, error) { t.Error("it acts"); return target, nil })
		if !errors.Is(err, ErrCaller) {
			t.Error(err)
		}
	})
}

func TestList(t *testing.T) {
	acts, err := (&Trail{Store: &kept{}}).List(t.Context(), time.Time{}, 10)
	if err != nil || acts[0].Outcome != Done || acts[1].Outcome != "unknown" {
		t.Errorf("%+v, %v", acts, err)
	}
}

// TestStatement: what everybody reads says what was done, not by or to whom.
func TestStatement(t *testing.T) {
	login := int64(424242)
	e := Entry{Act: "a", Step: Ended, What: "enrol", By: Caller{313131, &login}, At: time.Unix(1000, 0),
		Target: Target{Resident, "resident-01"}, Outcome: Done, Salt: [32]byte{1}}
	said := func(e Entry) string {
		entry, err := e.Statement()
		if err != nil {
			t.Fatal(err)
		}
		kind, body, err := tlog.ParseStatement(entry)
		if err != nil || kind != Kind {
			t.Fatalf("%s, %v", kind, err)
		}
		return string(body)
	}
	whole := said(e)
	if !strings.HasPrefix(whole, `{"act":"a","at":1000,"outcome":"done","row":"`) || !strings.HasSuffix(whole, `","step":"ended","what":"enrol"}`) {
		t.Error(whole)
	}
	for _, secret := range []string{"resident-01", "313131", "424242"} {
		if strings.Contains(whole, secret) {
			t.Errorf("it says %s: %s", secret, whole)
		}
	}
	for name, alter := range map[string]func(*Entry){
		"who":           func(e *Entry) { e.By.UID++ },
		"who logged in": func(e *Entry) { e.By.Login = nil },
		"to whom":       func(e *Entry) { e.Target.ID = "resident-02" },
		"when":          func(e *Entry) { e.At = e.At.Add(time.Millisecond) },
		"what":          func(e *Entry) { e.What = "revoke" },
		"how":           func(e *Entry) { e.Outcome = Failed },
		"the salt":      func(e *Entry) { e.Salt[0]++ },
	} {
		other := e
		if alter(&other); said(other) == whole {
			t.Errorf("it does not bind %s", name)
		}
	}
	e.Target = Target{Kind: Catalogue, ID: "3"}
	if body := said(e); !strings.Contains(body, `"target":{"id":"3","kind":"catalogue"}`) {
		t.Errorf("a public target is not said: %s", body)
	}
	e.Target = Target{Kind: Credential, ID: "card-1"}
	if body := said(e); strings.Contains(body, "card-1") || strings.Contains(body, "target") {
		t.Errorf("a hidden target is said: %s", body)
	}
}
