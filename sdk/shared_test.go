package sdk

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
)

// beside is a journal that another process writes to just before this one deletes.
type beside struct {
	*SQLJournal
	before func(row usedRow)
}

func (b *beside) look(ctx context.Context, kind, key string) {
	if row, err := kept[usedRow](ctx, b.SQLJournal, kind, key); kind == "use" && err == nil && b.before != nil {
		b.before(row)
	}
}

func (b *beside) Delete(ctx context.Context, kind, key string) error {
	b.look(ctx, kind, key)
	return b.SQLJournal.Delete(ctx, kind, key)
}

func (b *beside) DeleteSame(ctx context.Context, e Entry) error {
	b.look(ctx, e.Kind, e.Key)
	return b.SQLJournal.DeleteSame(ctx, e)
}

func shared(t *testing.T, f *fixture) *beside {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "j.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	j, err := OpenSQLJournal(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	b := &beside{SQLJournal: j}
	f.provider.config.Journal, f.provider.listing.journal, f.provider.promises.journal = b, b, b
	return b
}

// Two providers on one journal send the same commit; the hub says no to one of
// them, and yes to the other. What the hub said yes to is delivered, whenever the
// one who heard no cleans up.
//
//clause:consent two providers on one journal: what the hub said yes to is delivered, whatever it told the other
func TestRefusedBesideAYes(t *testing.T) {
	ctx := context.Background()
	refuse := func(f *fixture) {
		f.answering("/agency/commits", http.StatusConflict, `{"code":"paused","check":"grant","mender":"citizen"}`)
	}
	t.Run("it leaves a yes that is written down just then", func(t *testing.T) {
		f := newFixture(t)
		j := shared(t, f)
		refuse(f)
		c, looked := f.call(), 0
		j.before = func(row usedRow) {
			looked++
			row.Promise = "the other's"
			if err := f.provider.keep(ctx, "use", row.id(), row, f.world.Now().AddDate(1, 0, 0)); err != nil {
				t.Error(err)
			}
		}
		if status, _, _ := c.send(); status == http.StatusOK || looked != 1 {
			t.Fatalf("%d, looked %d times", status, looked)
		}
		all, err := f.provider.Releases(ctx)
		if err != nil || len(all) != 1 {
			t.Errorf("the use that the hub said yes to is forgotten: %v, %v", all, err)
		}
	})
	t.Run("it leaves the other what to answer with", func(t *testing.T) {
		f := newFixture(t)
		j := shared(t, f)
		refuse(f)
		var others usedRow
		j.before = func(row usedRow) { others = row }
		if status, _, _ := f.call().send(); status == http.StatusOK || others.Commit == "" {
			t.Fatal("not refused")
		}
		if _, err := j.Get(ctx, "use", others.id()); !errors.Is(err, ErrAbsent) {
			t.Errorf("the number is not free: %v", err)
		}
		f.lost("", 0, false) // the hub answers again: yes, to the same commit
		answer, err := f.provider.finish(ctx, others)
		if err != nil || answer.Commit != others.Commit || answer.Ciphertext == "" {
			t.Errorf("%+v, %v", answer, err)
		}
	})
}
