package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

func (f *fixture) amended(old string, claims ...string) (*Release, error) {
	f.Helper()
	n := f.need()
	n.Claims, n.Optional, n.KeepDays = []string{"vision_ok"}, nil, 10
	to, err := f.consumer.Amend(context.Background(), old, n)
	if err != nil {
		return nil, err
	}
	return f.consumer.Complete(context.Background(), to.State, f.hub.visit(to.URL, f.passkey, claims...))
}

//clause:consent a new version: one commit for both, the old one's tokens die
func TestAmend(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	old := f.complete()
	if _, err := f.consumer.Amend(ctx, "nothing", f.need()); Reason(err) != "unknown_grant" {
		t.Errorf("of no grant: %v", err)
	}
	if _, err := f.amended(old.GrantID); Reason(err) != "denied" {
		t.Errorf("the citizen's no: %v", err)
	}
	r, err := f.amended(old.GrantID, "vision_ok")
	if err != nil || r.GrantID == old.GrantID || len(r.Claims) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	var refused *Error
	if _, err := f.consumer.Again(ctx, old.GrantID); !errors.As(err, &refused) || refused.By != "hub" || refused.Reason != "superseded" {
		t.Errorf("the old version: %v", err)
	}
	if second, err := f.consumer.Again(ctx, r.GrantID); err != nil || second.Use != 2 {
		t.Errorf("the new version: %+v, %v", second, err)
	}
	for _, id := range []string{old.GrantID, r.GrantID} { // versions are immutable, and so are their receipts
		raw, err := f.consumer.Receipt(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := receipt.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if report := receipt.Verify(parsed, f.world.Trust); !report.OK() {
			t.Errorf("receipt: %v", report.Failed())
		}
	}
}

// A hub that goes on giving tokens for the old version finds no release.
func TestProviderKnowsTheNewestVersion(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	old := f.complete()
	before, err := f.world.Ledger.NextUse(ctx, consent.GrantID(old.GrantID), consenttest.Client)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.amended(old.GrantID, "vision_ok"); err != nil {
		t.Fatal(err)
	}
	f.hub.lie = func(id consent.GrantID) (consent.Authorized, bool) { return before, string(id) == old.GrantID }
	f.world.Pass(time.Second)
	var refused *Error
	if _, err := f.consumer.Again(ctx, old.GrantID); !errors.As(err, &refused) || refused.By != "provider" || refused.Reason != "superseded" || refused.Check != checkVersion {
		t.Errorf("the old version by a hub's word alone: %v", err)
	}
	if len(f.observed) != 2 {
		t.Errorf("%d releases", len(f.observed))
	}
}

// The terms that a new version says it replaces are those that were released under.
func TestProviderRefusesAnotherPast(t *testing.T) {
	ctx := context.Background()
	f := newFixture(t)
	old := f.complete()
	row, err := kept[usedRow](ctx, f.journals[0], "use", useID(old.GrantID, 1))
	if err != nil {
		t.Fatal(err)
	}
	terms, err := consent.ParseTerms(row.Terms)
	if err != nil {
		t.Fatal(err)
	}
	terms.Retention = "P1D"
	if row.Terms, err = terms.Canonical(); err != nil {
		t.Fatal(err)
	}
	if err := f.provider.keep(ctx, "use", row.id(), row, time.Time{}); err != nil {
		t.Fatal(err)
	}
	var refused *Error
	if _, err := f.amended(old.GrantID, "vision_ok"); !errors.As(err, &refused) || refused.By != "provider" || refused.Check != checkVersion || refused.Reason != "refused" {
		t.Errorf("another past: %v", err)
	}
}

// Which version is the newest is durable before anything is released under it.
func TestProviderKeepsTheNewestVersion(t *testing.T) {
	for _, stored := range []bool{false, true} {
		f := newFixture(t)
		old := f.complete()
		f.provider.config.Journal = &torn{Journal: f.journals[0], kind: "successor", kept: stored}
		if _, err := f.amended(old.GrantID, "vision_ok"); err == nil || len(f.observed) != 1 {
			t.Errorf("kept %v: it released before it was durable: %v", stored, err)
		}
	}
}
