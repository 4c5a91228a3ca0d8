package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestManyLies lists some of each kind, and counts the rest.
func TestManyLies(t *testing.T) {
	p := newLog(t)
	p.publish(t, 30, entryOf)
	r := rows{histories: map[consent.GrantID][]consent.Event{}}
	for n := range 25 {
		r.stored = append(r.stored, audit.Stored{Name: fmt.Sprint(n), Entry: entryOf(100 + n)}, audit.Stored{Name: fmt.Sprint(n), Err: errors.New("no JSON")})
		r.histories[consent.GrantID(fmt.Sprint(n))] = []consent.Event{{Grant: "g", Seq: 7}}
	}
	report := p.audit(t, nil, r)
	found := map[audit.Check]int{}
	for _, f := range report.Findings {
		found[f.Check]++
	}
	// Twenty that are missing and how many more, and twenty that are damaged.
	want := map[audit.Check]int{audit.Event: 41, audit.Unexplained: 1, audit.Illegal: 20}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	says := func(what string) (n int) {
		for _, f := range report.Findings {
			if strings.HasSuffix(f.Detail, what) {
				n++
			}
		}
		return n
	}
	if says("and 5 more") != 1 || says("no JSON") != 20 {
		t.Errorf("%+v", report.Findings)
	}
}

// heard is a database that is asked about what the log says to everybody.
type heard struct {
	rows
	said *[]string
}

func (h heard) Contradictions(_ context.Context, said []audit.Statement, _ func(string) error) error {
	for _, s := range said {
		*h.said = append(*h.said, s.Kind+" "+string(s.Body))
	}
	return nil
}

// TestStatements gives all that the log says, published or about to be, and of
// each status list what counts.
func TestStatements(t *testing.T) {
	say := func(kind string, body any) []byte {
		entry, err := tlog.Statement(kind, body)
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	list := func(uri string, version int) any { return map[string]any{"uri": uri, "version": version} }
	entries := [][]byte{
		say("catalogue", 1), say("status-list", list("b", 1)), say("status-list", list("a", 3)), say("status-list", list("a", 2)), say("status-list", "none"), say("catalogue", 2),
	}
	p := newLog(t)
	p.publish(t, len(entries), func(n int) []byte { return entries[n] })
	var said []string
	expect(t, p.audit(t, nil, heard{rows{pending: [][]byte{say("status-list", list("b", 4))}}, &said}), "", "")
	want := []string{`catalogue 1`, `status-list "none"`, `catalogue 2`, `status-list {"uri":"a","version":3}`, `status-list {"uri":"b","version":4}`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}
