package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

func changesStatuses(t *testing.T, s CredentialStore) {
	one := issued("status-1", "status", 1)
	one.Basis = "as the register was"
	if err := s.Commit(t.Context(), issue(one)); err != nil {
		t.Fatal(err)
	}
	list := credential.List{ID: "statuses", Created: time.UnixMilli(1_900_000_000_000), Bits: 2, Data: []byte{0}, Decoys: []byte("secret")}
	if err := s.Commit(t.Context(), credential.Commit{ID: "list/statuses", Lists: []credential.List{list}}); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_900_000_000_000)
	change := func(id string, was, became statuslist.Status, reason string) credential.Change {
		return credential.Change{Credential: id, List: "statuses", Index: 1, Was: was, Became: became, Reason: reason, At: at}
	}
	n := 0
	commit := func(c credential.Change) error {
		row, err := s.List(t.Context(), "statuses")
		if err != nil {
			t.Fatal(err)
		}
		n++
		c.Version = row.Version + 1
		return s.Commit(t.Context(), credential.Commit{ID: fmt.Sprint("status/", n), Lists: []credential.List{row}, Changes: []credential.Change{c}})
	}
	var kept []credential.Change
	for _, step := range statusSteps(one.ID, change) {
		if err := commit(step.change); !errors.Is(err, step.want) || step.want == nil && err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		got, err := s.Credential(t.Context(), one.ID)
		if err != nil || got.Status != step.status || got.Reason != step.reason || got.Basis != one.Basis ||
			got.SuspendedAt.Equal(at) != (step.status == credential.Suspended) || got.RevokedAt.Equal(at) != (step.status == credential.Revoked) {
			t.Errorf("%s: %+v, %v", step.name, got, err)
		}
		if step.want == nil {
			step.change.Version = int64(len(kept)) + 2
			kept = append(kept, step.change)
		}
	}
	all, err := s.ListChanges(t.Context(), "statuses")
	slices.Reverse(all)
	if diff := cmp.Diff(kept, all); diff != "" || err != nil {
		t.Error(diff, err)
	}
	mine, err := s.ChangesOf(t.Context(), one.ID)
	kept = slices.DeleteFunc(kept, func(c credential.Change) bool { return c.Credential == "" })
	if diff := cmp.Diff(kept, mine); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if none, err := s.ChangesOf(t.Context(), ""); err != nil || len(none) > 0 {
		t.Errorf("decoys are somebody's: %v, %v", none, err)
	}
	listsLists(t, s)
}

func listsLists(t *testing.T, s CredentialStore) {
	t.Helper()
	if row, err := s.List(t.Context(), "statuses"); err != nil || string(row.Decoys) != "secret" {
		t.Errorf("%+v, %v", row, err)
	}
	ids, err := s.ListIDs(t.Context(), 1)
	if err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
	if ids, err := s.ListIDs(t.Context(), 100); err != nil || !slices.Contains(ids, "statuses") || !slices.Contains(ids, "changing") {
		t.Errorf("%v, %v", ids, err)
	}
}

type statusStep struct {
	name   string
	change credential.Change
	want   error
	status credential.Status
	reason string
}

// statusSteps are changes of one credential in their order, some of which are
// refused.
func statusSteps(id string, change func(id string, was, became statuslist.Status, reason string) credential.Change) []statusStep {
	return []statusStep{
		{"it reinstates nothing that is valid", change(id, 2, 0, ""), credential.ErrConflict, credential.Valid, ""},
		{"it suspends", change(id, 0, 2, "inquiry"), nil, credential.Suspended, "inquiry"},
		{"it suspends once", change(id, 0, 2, "other"), credential.ErrConflict, credential.Suspended, "inquiry"},
		{"it reinstates", change(id, 2, 0, ""), nil, credential.Valid, ""},
		{"it takes a decoy's change", change("", 0, 1, ""), nil, credential.Valid, ""},
		{"it suspends again", change(id, 0, 2, "inquiry"), nil, credential.Suspended, "inquiry"},
		{"it revokes", change(id, 2, 1, "misuse"), nil, credential.Revoked, "misuse"},
		{"it revokes once", change(id, 0, 1, "other"), credential.ErrConflict, credential.Revoked, "misuse"},
		{"it suspends nothing that is revoked", change(id, 1, 2, "other"), credential.ErrConflict, credential.Revoked, "misuse"},
		{"it reinstates nothing that is revoked", change(id, 1, 0, ""), credential.ErrConflict, credential.Revoked, "misuse"},
		{"it changes no credential that is not there", change("nobody's", 0, 1, "x"), credential.ErrConflict, credential.Revoked, "misuse"},
	}
}
