package issuance_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

// spy is the real store, whose commits can be lost, or kept and yet reported
// as lost; it remembers what was committed.
type spy struct {
	*store.Credentials
	mu      sync.Mutex
	commits []credential.Commit
	before  func(credential.Commit) error // fails: nothing is kept
	after   func(credential.Commit) error // fails: it is kept all the same
}

func (s *spy) Commit(ctx context.Context, c credential.Commit) error {
	s.mu.Lock()
	s.commits = append(s.commits, c)
	before, after := s.before, s.after
	s.mu.Unlock()
	if before != nil {
		if err := before(c); err != nil {
			return err
		}
	}
	if err := s.Credentials.Commit(ctx, c); err != nil {
		return err
	}
	if after != nil {
		return after(c)
	}
	return nil
}

// once fails the first commit whose ID begins with prefix.
func once(prefix string) func(credential.Commit) error {
	var done sync.Once
	return func(c credential.Commit) (err error) {
		if strings.HasPrefix(c.ID, prefix) {
			done.Do(func() { err = errors.New("the line went dead") })
		}
		return err
	}
}

func withSpy(t *testing.T) (*world, *spy) {
	t.Helper()
	w := newWorld(t)
	s := &spy{Credentials: w.db.Credentials()}
	w.Issuer.Store = s
	return w, s
}

func (w *world) order(t *testing.T) credential.Order {
	t.Helper()
	return credential.Order{Citizen: "kim", Config: credential.ConfigResidentCard, VCT: credential.VCTResidentCard,
		Claims: map[string]any{"name": "Kim"}, Holder: jose.JSONWebKey{Key: newKey(t).Public()}, Life: time.Hour}
}

func TestEveryCommitHasItsLeaf(t *testing.T) {
	w, s := withSpy(t)
	_, issued, err := w.Issuer.Issue(t.Context(), w.order(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Issuer.Revoke(t.Context(), issued.ID); err != nil {
		t.Fatal(err)
	}
	if len(s.commits) != 3 {
		t.Fatalf("%d commits: a new list, an issuance, a revocation", len(s.commits))
	}
	stored, err := w.Issuer.Get(t.Context(), issued.ID)
	if err != nil {
		t.Fatal(err)
	}
	salt, err := salts{}.Salt(t.Context(), "kim", credential.SaltLabel(issued.ID))
	if err != nil {
		t.Fatal(err)
	}
	list, issuance, revocation := s.commits[0], s.commits[1], s.commits[2]
	if want := tlog.Commitment(credential.LeafDomain, salt, stored.Digest()); len(issuance.Leaves) != 1 || !bytes.Equal(issuance.Leaves[0], want) {
		t.Error("the issuance's leaf is not what the stored record says")
	}
	if want := tlog.Commitment(credential.LeafDomain, salt, credential.RevocationDigest(issued.ID, stored.RevokedAt, credential.ReasonHolder)); !bytes.Equal(revocation.Leaves[0], want) {
		t.Error("the revocation's leaf is not what the stored record says")
	}
	events, err := w.Issuer.Events(t.Context(), "kim")
	if err != nil || len(events) != 2 || events[0].Digest != stored.Digest() || events[1].Digest != credential.RevocationDigest(issued.ID, stored.RevokedAt, credential.ReasonHolder) {
		t.Errorf("the history tells other events: %+v, %v", events, err)
	}
	for _, c := range []struct {
		leaf []byte
		data []byte
	}{{list.Leaves[0], list.Lists[0].Data}, {revocation.Leaves[1], revocation.Lists[0].Data}} {
		kind, body, err := tlog.ParseStatement(c.leaf)
		var said struct {
			URI    string `json:"uri"`
			SHA256 string `json:"sha256"`
			IAT    int64  `json:"iat"`
		}
		if err := json.Unmarshal(body, &said); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(c.data)
		if err != nil || kind != credential.StatementStatusList || said.SHA256 != base64.RawURLEncoding.EncodeToString(sum[:]) ||
			said.URI != w.Issuer.ListURI(issued.List) || said.IAT != w.now.Unix() {
			t.Errorf("statement %s %s: %v", kind, body, err)
		}
		if bytes.Contains(c.leaf, []byte("kim")) {
			t.Error("a public leaf names a citizen")
		}
	}
}

// A commit that was lost, and one that was kept although it was reported lost,
// end alike: one credential, revoked once.
func TestStorageFaults(t *testing.T) {
	for name, set := range map[string]func(*spy, func(credential.Commit) error){
		"failed and not kept": func(s *spy, f func(credential.Commit) error) { s.before = f },
		"failed yet kept":     func(s *spy, f func(credential.Commit) error) { s.after = f },
	} {
		for _, operation := range []string{"list/", "issue/", "revoke/"} {
			t.Run("it survives "+operation+" "+name, func(t *testing.T) {
				w, s := withSpy(t)
				set(s, once(operation))
				_, issued, err := w.Issuer.Issue(t.Context(), w.order(t))
				if operation == "list/" { // nothing was promised yet: the caller tries again
					if err == nil {
						t.Fatal("issued without a list")
					}
					_, issued, err = w.Issuer.Issue(t.Context(), w.order(t))
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Issuer.Revoke(t.Context(), issued.ID); err != nil {
					t.Fatal(err)
				}
				all, err := w.Issuer.Of(t.Context(), "kim")
				if err != nil || len(all) != 1 || all[0].Status != credential.Revoked {
					t.Fatalf("%+v, %v", all, err)
				}
				if diff := cmp.Diff(issued.Index, all[0].Index); diff != "" {
					t.Error("the credential tells another index than the record: " + diff)
				}
				row, err := s.List(t.Context(), issued.List)
				if err != nil {
					t.Fatal(err)
				}
				if n := ones(row.Data) - decoys(t, w, row, s.commits); n != 1 || row.Version != 2 {
					t.Errorf("%d statuses set in version %d", n, row.Version)
				}
			})
		}
	}
}

func ones(data []byte) (n int) {
	for _, b := range data {
		for ; b != 0; b &= b - 1 {
			n++
		}
	}
	return n
}

//clause:formats indices random, never twice
//clause:status 12.4, 12.5.1: random places, decoys
//clause:status 13.2, 13.3: a fresh place for each card, none given twice, all begin as valid
func TestManyAtOnce(t *testing.T) {
	w, spied := withSpy(t)
	const people = 24
	ids := make([]string, people)
	var wait sync.WaitGroup
	for i := range ids {
		order := w.order(t)
		wait.Go(func() {
			_, issued, err := w.Issuer.Issue(t.Context(), order)
			if err != nil {
				t.Error(err)
			}
			ids[i] = issued.ID
		})
	}
	wait.Wait()
	for _, id := range ids[:people/2] {
		for range 2 { // twice the same, at once
			wait.Go(func() {
				if err := w.Issuer.Revoke(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	all, err := w.Issuer.Of(t.Context(), "kim")
	if err != nil {
		t.Fatal(err)
	}
	row, err := w.Issuer.Store.List(t.Context(), all[0].List)
	if err != nil {
		t.Fatal(err)
	}
	list, err := statuslist.FromBytes(row.Bits, row.Data)
	if err != nil {
		t.Fatal(err)
	}
	seen, revoked := map[int]bool{}, 0
	for _, c := range all {
		if seen[c.Index] {
			t.Errorf("index %d twice", c.Index)
		}
		seen[c.Index] = true
		status, err := list.Get(c.Index)
		if err != nil || (status == statuslist.Invalid) != (c.Status == credential.Revoked) {
			t.Errorf("record and list differ: %v %d %v", c.Status, status, err)
		}
		if c.Status == credential.Revoked {
			revoked++
		}
	}
	if len(all) != people || revoked != people/2 || ones(row.Data)-decoys(t, w, row, spied.commits) != people/2 {
		t.Errorf("%d issued, %d revoked, %d set", len(all), revoked, ones(row.Data))
	}
	if err := w.Issuer.RevokeAll(t.Context(), "kim"); err != nil {
		t.Fatal(err)
	}
	all, err = w.Issuer.Of(t.Context(), "kim")
	for _, c := range all {
		if c.Status != credential.Revoked {
			t.Errorf("left over: %+v, %v", c, err)
		}
	}
	if err := w.Issuer.Revoke(t.Context(), "none"); !errors.Is(err, credential.ErrUnknown) {
		t.Errorf("an unknown credential: %v", err)
	}
}

// A list on which no index can be found is left for a new one.
//
//clause:formats indices random, never twice
func TestAFullListIsLeft(t *testing.T) {
	w, s := withSpy(t)
	_, first, err := w.Issuer.Issue(t.Context(), w.order(t))
	if err != nil {
		t.Fatal(err)
	}
	s.before = func(c credential.Commit) error {
		if len(c.Issue) == 1 && c.Issue[0].List == first.List {
			return credential.ErrConflict // as if every index were taken
		}
		return nil
	}
	w.now = w.now.Add(time.Second)
	_, second, err := w.Issuer.Issue(t.Context(), w.order(t))
	if err != nil || second.List == first.List {
		t.Fatalf("%s after %s: %v", second.List, first.List, err)
	}
}

func TestStatusListIsFresh(t *testing.T) {
	w, _ := withSpy(t)
	_, issued, err := w.Issuer.Issue(t.Context(), w.order(t))
	if err != nil {
		t.Fatal(err)
	}
	get := func() string {
		token, err := w.Issuer.StatusList(t.Context(), issued.List)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	first := get()
	if get() != first {
		t.Error("it signs for every asker")
	}
	w.now = w.now.Add(credential.ListTTL)
	second := get()
	if second == first {
		t.Error("it serves a list older than its ttl")
	}
	if err := w.Issuer.Revoke(t.Context(), issued.ID); err != nil {
		t.Fatal(err)
	}
	if get() == second {
		t.Error("it serves a list from before an acknowledged revocation")
	}
	if credential.ListLife > 15*time.Minute {
		t.Error("lists live longer than promised")
	}
}

// decoys counts those that are set in a list: all with which it began, and those
// that changed since.
func decoys(t *testing.T, w *world, row credential.List, commits []credential.Commit) (set int) {
	t.Helper()
	for _, c := range commits {
		if len(c.Lists) == 1 && c.Lists[0].ID == row.ID && c.Lists[0].Version == 0 {
			set = ones(c.Lists[0].Data)
		}
	}
	changes, err := w.db.Credentials().ListChanges(t.Context(), row.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Credential == "" {
			set++
		}
	}
	return set
}
