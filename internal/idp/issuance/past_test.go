package issuance_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

//clause:status 12.4, 12.5.1: random places, decoys
func TestDecoys(t *testing.T) {
	w, s := withSpy(t)
	w.Issuer.Bits = 2
	first, _ := w.card(t)
	row, err := w.db.Credentials().List(t.Context(), first.List)
	if err != nil {
		t.Fatal(err)
	}
	count := func(data []byte) (set int) {
		list, err := statuslist.FromBytes(2, data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Len() {
			if status, _ := list.Get(i); status != statuslist.Valid {
				set++
			}
		}
		return set
	}
	begun := count(row.Data)
	if begun < 100 || begun > 8192 {
		t.Errorf("a list begins with %d places that look revoked or suspended", begun)
	}
	revoked, length := 0, len(row.Data)
	for range 12 {
		issued, _ := w.card(t)
		list, err := statuslist.FromBytes(2, row.Data)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := list.Get(issued.Index); err != nil || got != statuslist.Valid {
			t.Errorf("a credential got a decoy's place: %d, %v", got, err)
		}
		if err := w.Issuer.Revoke(t.Context(), issued.ID); err != nil {
			t.Fatal(err)
		}
		revoked++
	}
	alone := s.commits[len(s.commits)-1].Changes
	for range 100 { // one time in six
		if err := w.Issuer.Disturb(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after, err := w.db.Credentials().List(t.Context(), first.List)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Data) != length {
		t.Errorf("the list has %d bytes, not %d", len(after.Data), length)
	}
	changes, err := w.db.Credentials().ListChanges(t.Context(), first.List)
	if err != nil {
		t.Fatal(err)
	}
	decoys, companions := 0, 0
	for _, c := range changes {
		if c.Credential == "" {
			decoys++
		}
	}
	for _, c := range s.commits {
		if strings.HasPrefix(c.ID, "revoke/") {
			companions += len(c.Changes) - 1
		}
	}
	if decoys == 0 || companions == 0 || after.Version-1 <= int64(revoked) {
		t.Errorf("%d decoys, %d of them beside revocations; %d versions tell of %d revocations (%v)", decoys, companions, after.Version, revoked, alone)
	}
	for _, c := range changes {
		if c.Was == statuslist.Invalid {
			t.Error("something that was revoked is not any more")
		}
	}
}

//clause:status 8.4: `time`; 501 where no history is given out, 404 for a time that is not kept; iat <= time < exp, or a static host's answer is refused
func TestListsOfThePast(t *testing.T) {
	w := newWorld(t)
	w.Issuer.Bits, w.Issuer.History = 2, time.Hour
	begun := w.now
	issued, ref := w.card(t)
	client := &statuslist.Client{Development: true, Now: func() time.Time { return w.now }}
	step := func(do func() error) time.Time {
		t.Helper()
		w.now = w.now.Add(10 * time.Minute)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		return w.now
	}
	suspended := step(func() error { return w.Issuer.Suspend(t.Context(), issued.ID, credential.ReasonInquiry) })
	reinstated := step(func() error { return w.Issuer.Reinstate(t.Context(), issued.ID) })
	revoked := step(func() error { return w.Issuer.Revoke(t.Context(), issued.ID) })
	w.now = w.now.Add(time.Minute)
	for _, c := range []struct {
		name string
		at   time.Time
		want statuslist.Status
		err  error
	}{
		{"it was valid at first", begun, statuslist.Valid, nil},
		{"it was valid until the moment before", suspended.Add(-time.Second), statuslist.Valid, nil},
		{"it was suspended from then", suspended, statuslist.Suspended, nil},
		{"it was suspended until the moment before", reinstated.Add(-time.Second), statuslist.Suspended, nil},
		{"it was valid again", reinstated.Add(time.Minute), statuslist.Valid, nil},
		{"it is revoked since", revoked.Add(30 * time.Second), statuslist.Invalid, nil},
		{"it knows nothing of before", begun.Add(-time.Minute), 0, statuslist.ErrNoHistory},
		{"it knows nothing of later", w.now.Add(time.Minute), 0, statuslist.ErrNoHistory},
	} {
		got, err := client.At(t.Context(), ref, c.at, w.trust)
		if got != c.want || !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: %d, %v", c.name, got, err)
		}
	}
	token, err := w.Issuer.StatusTokenAt(t.Context(), issued.List, statuslist.MediaType, reinstated.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := statuslist.Verify(string(token), ref.URI, w.now, w.trust); !errors.Is(err, statuslist.ErrExpired) {
		t.Errorf("a list of the past is taken for one of now: %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	if a := w.get(t, "/status/"+issued.List+fmt.Sprintf("?time=%d", suspended.Unix())); a.status != 404 || code(t, a) != "history" {
		t.Errorf("what is older than is given out: %d %s", a.status, a.body)
	}
}
