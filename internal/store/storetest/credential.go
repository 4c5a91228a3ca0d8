package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// CredentialStore is both halves of what pkg/credential keeps.
type CredentialStore interface {
	credential.Store
	credential.OfferStore
	credential.DeferralStore
}

// Credentials is the contract of credential.Store, credential.OfferStore and
// credential.DeferralStore.
func Credentials(t *testing.T, s CredentialStore) {
	t.Run("it keeps a credential and finds it by its id and its citizen", func(t *testing.T) { keepsCredentials(t, s) })
	t.Run("it never gives an index twice", func(t *testing.T) { uniqueIndexes(t, s) })
	t.Run("it repeats a commit without effect and refuses its id for another", func(t *testing.T) { repeatsCommits(t, s) })
	t.Run("it changes a list by compare and set, whole or not at all", func(t *testing.T) { changesLists(t, s) })
	t.Run("it suspends, reinstates and revokes, and keeps each change", func(t *testing.T) { changesStatuses(t, s) })
	t.Run("it redeems an offer once", func(t *testing.T) { updatesOffers(t, s) })
	t.Run("it ends the offers of one citizen", func(t *testing.T) { endsOffers(t, s) })
	t.Run("it spends a nonce once", func(t *testing.T) { spendsNonces(t, s) })
	t.Run("it keeps a deferral through its states", func(t *testing.T) { keepsDeferrals(t, s) })
	t.Run("it issues what was approved once, with its deferral", func(t *testing.T) { issuesDeferrals(t, s) })
}

func issued(id, citizen string, index int) credential.Issued {
	at := time.UnixMilli(1_800_000_000_000).Add(time.Duration(index) * time.Second)
	return credential.Issued{ID: id, Citizen: citizen, VCT: "urn:x:1", Config: "x", IssuedAt: at, Expires: at.Add(time.Hour),
		Status: credential.Valid, List: "list of " + citizen, Index: index, Holder: "thumb", Device: "phone"}
}

func issue(i credential.Issued) credential.Commit {
	return credential.Commit{ID: "issue/" + i.ID, Digest: sha256.Sum256([]byte(i.ID)),
		Issue: []credential.Issued{i}, Leaves: [][]byte{[]byte("leaf of " + i.ID)}}
}

func keepsCredentials(t *testing.T, s CredentialStore) {
	first, second := issued("keep-1", "keeper", 1), issued("keep-2", "keeper", 2)
	for _, i := range []credential.Issued{first, second} {
		if err := s.Commit(t.Context(), issue(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetAcceptance(t.Context(), first.ID, "credential_accepted"); err != nil {
		t.Fatal(err)
	}
	first.Acceptance = "credential_accepted"
	got, err := s.Credential(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got); diff != "" {
		t.Error(diff)
	}
	all, err := s.CredentialsOf(t.Context(), "keeper")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]credential.Issued{second, first}, all); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Credential(t.Context(), "nobody's"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("unknown credential: %v", err)
	}
	if err := s.SetAcceptance(t.Context(), "nobody's", "x"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("acceptance of an unknown credential: %v", err)
	}
}

func uniqueIndexes(t *testing.T, s CredentialStore) {
	if err := s.Commit(t.Context(), issue(issued("unique-1", "unique", 7))); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), issue(issued("unique-2", "unique", 7))); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("index given twice: %v", err)
	}
	if _, err := s.Credential(t.Context(), "unique-2"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("a refused commit left a row: %v", err)
	}
	if err := s.Commit(t.Context(), issue(issued("unique-2", "unique", 8))); err != nil {
		t.Errorf("the id of a refused commit cannot be used again: %v", err)
	}
}

func repeatsCommits(t *testing.T, s CredentialStore) {
	commit := issue(issued("repeat-1", "repeater", 1))
	for range 2 {
		if err := s.Commit(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	commit.Issue[0].Index = 2
	if err := s.Commit(t.Context(), commit); err != nil {
		t.Errorf("same request, tried with another index: %v", err)
	}
	if got, err := s.Credential(t.Context(), "repeat-1"); err != nil || got.Index != 1 {
		t.Errorf("the durable try is another: %d, %v", got.Index, err)
	}
	commit.Digest[0]++
	if err := s.Commit(t.Context(), commit); err == nil || errors.Is(err, credential.ErrConflict) {
		t.Errorf("an id for another request: %v", err)
	}
}

func changesLists(t *testing.T, s CredentialStore) {
	if err := s.Commit(t.Context(), issue(issued("list-1", "lister", 1))); err != nil {
		t.Fatal(err)
	}
	list := credential.List{ID: "changing", Created: time.UnixMilli(2_000_000_000_000), Bits: 1, Data: []byte{0, 0}}
	commit := credential.Commit{ID: "list/changing", Digest: [32]byte{1}, Lists: []credential.List{list}}
	if err := s.Commit(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	got, err := s.NewestList(t.Context())
	if err != nil || got.ID != list.ID || got.Version != 1 || !got.Created.Equal(list.Created) {
		t.Fatalf("newest list %+v, %v", got, err)
	}
	got.Data = []byte{2, 0}
	at := time.UnixMilli(1_900_000_000_000)
	revoke := credential.Commit{ID: "revoke/list-1", Digest: [32]byte{2}, Lists: []credential.List{got},
		Changes: []credential.Change{{Credential: "list-1", List: "changing", Version: 2, Became: statuslist.Invalid, Reason: "x", At: at}}, Leaves: [][]byte{[]byte("x")}}
	if err := s.Commit(t.Context(), revoke); err != nil {
		t.Fatal(err)
	}
	after, err := s.List(t.Context(), "changing")
	if err != nil || after.Version != 2 || !bytes.Equal(after.Data, got.Data) {
		t.Errorf("list %+v, %v", after, err)
	}
	if i, err := s.Credential(t.Context(), "list-1"); err != nil || i.Status != credential.Revoked || !i.RevokedAt.Equal(at) {
		t.Errorf("revoked %+v, %v", i, err)
	}
	stale := credential.Commit{ID: "stale", Digest: [32]byte{3}, Lists: []credential.List{got}}
	if err := s.Commit(t.Context(), stale); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("a stale list was written: %v", err)
	}
	shorter := after
	shorter.Data = []byte{3}
	if err := s.Commit(t.Context(), credential.Commit{ID: "shorter", Digest: [32]byte{5}, Lists: []credential.List{shorter}}); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("a list got shorter: %v", err)
	}
	after.Data = []byte{3, 0}
	twice := credential.Commit{ID: "twice", Digest: [32]byte{4}, Lists: []credential.List{after}, Changes: revoke.Changes}
	if err := s.Commit(t.Context(), twice); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("revoked twice: %v", err)
	}
	if l, err := s.List(t.Context(), "changing"); err != nil || l.Version != 2 {
		t.Errorf("a refused commit changed the list: %+v, %v", l, err)
	}
	if _, err := s.List(t.Context(), "none"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("unknown list: %v", err)
	}
}

func endsOffers(t *testing.T, s CredentialStore) {
	expires := time.UnixMilli(4e12)
	for id, citizen := range map[string]string{"lost-1": "lost", "lost-2": "lost", "kept": "other"} {
		offer := credential.Offer{ID: id, Citizen: citizen, Config: "x", Grant: "g", Expires: expires}
		if err := s.AddOffer(t.Context(), offer); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := s.Offer(t.Context(), "lost-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EndOffers(t.Context(), "lost"); err != nil {
		t.Fatal(err)
	}
	taken.Redeemed = expires
	if err := s.UpdateOffer(t.Context(), taken); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("an ended offer was redeemed: %v", err)
	}
	for id, want := range map[string]error{"lost-1": credential.ErrUnknown, "lost-2": credential.ErrUnknown, "kept": nil} {
		if _, err := s.Offer(t.Context(), id); !errors.Is(err, want) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func updatesOffers(t *testing.T, s CredentialStore) {
	for _, txCode := range [][]byte{nil, {1, 2, 3}} {
		offer := credential.Offer{ID: "offer-" + string(rune('a'+len(txCode))), Citizen: "c", Config: "x", Grant: "g",
			TxCode: txCode, Expires: time.UnixMilli(1_800_000_000_000)}
		if err := s.AddOffer(t.Context(), offer); err != nil {
			t.Fatal(err)
		}
		got, err := s.Offer(t.Context(), offer.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(offer, got); diff != "" {
			t.Error(diff)
		}
		got.Tries, got.Redeemed = 3, time.UnixMilli(1_700_000_000_000)
		if n := race(t, func(ctx context.Context) error { return s.UpdateOffer(ctx, got) }); n != 1 {
			t.Errorf("%d of the racing updates succeeded", n)
		}
		after, err := s.Offer(t.Context(), offer.ID)
		got.Version++
		if diff := cmp.Diff(got, after); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
	expires := time.UnixMilli(1_800_000_000_000)
	if err := s.SweepOffers(t.Context(), expires); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Offer(t.Context(), "offer-a"); err != nil {
		t.Errorf("an offer was forgotten too early: %v", err)
	}
	if err := s.SweepOffers(t.Context(), expires.Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Offer(t.Context(), "offer-a"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("an old offer was not forgotten: %v", err)
	}
	for _, id := range append([]string{"none"}, unstorable...) {
		if _, err := s.Offer(t.Context(), id); !errors.Is(err, credential.ErrUnknown) {
			t.Errorf("unknown offer: %v", err)
		}
		if _, err := s.List(t.Context(), id); !errors.Is(err, credential.ErrUnknown) {
			t.Errorf("unknown list: %v", err)
		}
	}
}

func spendsNonces(t *testing.T, s CredentialStore) {
	now := time.UnixMilli(1_800_000_000_000)
	spend := func(ctx context.Context) error { return s.SpendNonce(ctx, "n", now.Add(time.Minute), now) }
	if n := race(t, spend); n != 1 {
		t.Errorf("spent %d times", n)
	}
	// Another nonce much later sweeps; one that is alive stays spent.
	if err := s.SpendNonce(t.Context(), "m", now.Add(time.Minute), now.Add(30*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := spend(t.Context()); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("spent again: %v", err)
	}
	// A clock that was ahead sweeps nothing that the right one would take again.
	if err := s.SpendNonce(t.Context(), "ahead", now.Add(2*time.Hour), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := spend(t.Context()); !errors.Is(err, credential.ErrConflict) {
		t.Errorf("spent again after the clock was set back: %v", err)
	}
}

// race runs f eight times at once; each answers nil or ErrConflict.
func race(t *testing.T, f func(context.Context) error) (succeeded int) {
	t.Helper()
	var wait sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wait.Go(func() { results[i] = f(t.Context()) })
	}
	wait.Wait()
	for _, err := range results {
		if err == nil {
			succeeded++
		} else if !errors.Is(err, credential.ErrConflict) {
			t.Error(err)
		}
	}
	return succeeded
}
