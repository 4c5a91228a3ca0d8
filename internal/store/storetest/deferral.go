package storetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential"
)

func deferral(t *testing.T, id, citizen string, at int64) credential.Deferral {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return credential.Deferral{ID: id, Batch: "batch of " + id, Citizen: citizen, Client: "wallet", Config: "x", Device: "phone",
		Holders: []jose.JSONWebKey{{Key: key.Public()}}, State: credential.DeferralWaiting, Created: time.UnixMilli(1_800_000_000_000 + at)}
}

// sameDeferral compares keys by what they are.
var sameDeferral = cmp.Comparer(func(a, b jose.JSONWebKey) bool {
	return a.Key.(*ecdsa.PublicKey).Equal(b.Key) && a.KeyID == b.KeyID
})

func keepsDeferrals(t *testing.T, s CredentialStore) {
	first, second := deferral(t, "later-1", "later", 1), deferral(t, "later-2", "later", 2)
	for _, d := range []credential.Deferral{first, second} {
		if err := s.AddDeferral(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddDeferral(t.Context(), first); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("an id twice: %v", err)
	}
	same := first
	same.ID = "later-3"
	if err := s.AddDeferral(t.Context(), same); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("an order that waits already: %v", err)
	}
	got, err := s.Deferral(t.Context(), first.ID)
	if diff := cmp.Diff(first, got, sameDeferral); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for citizen, want := range map[string][]credential.Deferral{"later": {second, first}, "": {first, second}, "nobody": nil} {
		all, err := s.DeferralsOf(t.Context(), citizen, credential.DeferralWaiting)
		if diff := cmp.Diff(want, all, sameDeferral); diff != "" || err != nil {
			t.Error(citizen, diff, err)
		}
	}
	got.State, got.Reason, got.Decided = credential.DeferralRefused, "law", time.UnixMilli(1_800_000_000_009)
	if n := race(t, func(ctx context.Context) error { return s.UpdateDeferral(ctx, got) }); n != 1 {
		t.Errorf("%d of the racing decisions succeeded", n)
	}
	after, err := s.Deferral(t.Context(), first.ID)
	got.Version++
	if diff := cmp.Diff(got, after, sameDeferral); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if refused, err := s.DeferralsOf(t.Context(), "later", credential.DeferralRefused); err != nil || len(refused) != 1 {
		t.Errorf("%d refused, %v", len(refused), err)
	}
	if err := s.SweepDeferrals(t.Context(), second.Created); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deferral(t.Context(), first.ID); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("an old one was not forgotten: %v", err)
	}
	if _, err := s.Deferral(t.Context(), second.ID); err != nil {
		t.Errorf("one was forgotten too early: %v", err)
	}
	if err := s.EndDeferrals(t.Context(), "later"); err != nil {
		t.Fatal(err)
	}
	for _, id := range append([]string{"none", second.ID}, unstorable...) {
		if _, err := s.Deferral(t.Context(), id); !errors.Is(err, credential.ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func issuesDeferrals(t *testing.T, s CredentialStore) {
	d := deferral(t, "approve-1", "approved", 1)
	if err := s.AddDeferral(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	first, second := issued("approve-c", "approved", 1), issued("approve-c.1", "approved", 2)
	commit := issue(first)
	commit.Issue, commit.Deferral = append(commit.Issue, second), &d
	commit.Leaves = append(commit.Leaves, []byte("the other leaf"))
	if err := s.Commit(t.Context(), commit); !errors.Is(err, credential.ErrDeferral) {
		t.Errorf("issued before it was approved: %v", err)
	}
	if _, err := s.Credential(t.Context(), first.ID); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("a refused commit left a row: %v", err)
	}
	d.State = credential.DeferralApproved
	if err := s.UpdateDeferral(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is known
		if err := s.Commit(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Deferral(t.Context(), d.ID); err != nil || got.State != credential.DeferralIssued || got.Version != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if all, err := s.CredentialsOf(t.Context(), "approved"); err != nil || len(all) != 2 {
		t.Errorf("%d issued, %v", len(all), err)
	}
	other := issue(issued("approve-d", "approved", 3))
	other.Deferral = &d
	if err := s.Commit(t.Context(), other); !errors.Is(err, credential.ErrDeferral) {
		t.Errorf("issued twice: %v", err)
	}
}
