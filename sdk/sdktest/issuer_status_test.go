package sdktest_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// Each write of a change is broken twice: lost, and kept but called lost. Who is told
// so and calls again changes every copy; until then it is not said to be done.
//
//clause:kit an agency suspends and reinstates its documents, with all copies; documents of before can be revoked
func TestStatusSurvivesItsJournal(t *testing.T) {
	for name, change := range map[string]func(*sdk.Issuer, context.Context, string) error{
		"suspend": (*sdk.Issuer).Suspend, "reinstate": (*sdk.Issuer).Reinstate, "revoke": (*sdk.Issuer).Revoke} {
		for _, kept := range []bool{false, true} {
			for n := 2; n < 5; n++ { // the first is the secret's; then one a copy
				b := newBureau(t)
				whole := b.journal()
				b.reopen(whole)
				b.copies(3, "/credential", b.order(b.proven(3)))
				all, err := b.issuer.Documents(t.Context(), "")
				if err != nil || name == "reinstate" && b.issuer.Suspend(t.Context(), all[0].ID) != nil {
					t.Fatal(err)
				}
				journal := sdktest.BreakWrite(whole, n, kept)
				b.reopen(journal)
				if err := change(b.issuer, t.Context(), all[0].ID); err == nil || !journal.Broken() {
					t.Errorf("%s, write %d: no error", name, n)
				}
				if err := change(b.issuer, t.Context(), all[0].ID); err != nil {
					t.Errorf("%s, write %d: again: %v", name, n, err)
				}
				want := map[string]statuslist.Status{"suspend": statuslist.Suspended, "reinstate": statuslist.Valid, "revoke": statuslist.Invalid}[name]
				for _, c := range append([]sdk.DocumentCopy{all[0].DocumentCopy}, all[0].More...) {
					if got := status(t, b, c); got != want {
						t.Errorf("%s, write %d, kept %v: %d", name, n, kept, got)
					}
				}
			}
		}
	}
}

// A journal of before has a list of one bit: its documents can be revoked, and new
// ones go to a list that can say more.
//
//clause:kit an agency suspends and reinstates its documents, with all copies; documents of before can be revoked
func TestIssuerOfBefore(t *testing.T) {
	b := newBureau(t)
	journal := b.journal()
	old := sdk.IssuedDocument{ID: "OLD", Config: "extract", Sub: b.kim.ProviderSub(), DocumentCopy: sdk.DocumentCopy{Holder: "x", List: 1, Index: 7}}
	for _, e := range []struct {
		kind, key string
		value     any
	}{{"list", "1", b.Now()}, {"place", "1/7", "OLD"}, {"document", "OLD", old}} {
		raw, err := json.Marshal(e.value)
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.Create(t.Context(), sdk.Entry{Kind: e.kind, Key: e.key, Value: raw}); err != nil {
			t.Fatal(err)
		}
	}
	b.reopen(journal)
	if err := b.issuer.Suspend(t.Context(), "OLD"); err == nil || !strings.Contains(err.Error(), "of before") {
		t.Errorf("suspended: %v", err)
	}
	if got := status(t, b, old.DocumentCopy); got != statuslist.Valid {
		t.Errorf("before: %d", got)
	}
	if err := b.issuer.Revoke(t.Context(), "OLD"); err != nil {
		t.Fatal(err)
	}
	if got := status(t, b, old.DocumentCopy); got != statuslist.Invalid {
		t.Errorf("revoked: %d", got)
	}
	b.mustIssue()
	all, err := b.issuer.Documents(t.Context(), "")
	if err != nil || len(all) != 2 || all[1].List != 2 || b.issuer.Suspend(t.Context(), all[1].ID) != nil {
		t.Errorf("%+v, %v", all, err)
	}
	for _, name := range []string{"3", "01", "a%00b", "-1", "1%2F7"} {
		res, err := http.Get(b.url + "/status/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("list %s: %d", name, res.StatusCode)
		}
	}
}

// status asks the list of a copy.
func status(t *testing.T, b *bureau, c sdk.DocumentCopy) statuslist.Status {
	t.Helper()
	uri := fmt.Sprintf("%s/status/%d", b.url, c.List)
	client := &statuslist.Client{Development: true, Now: b.Now}
	found, err := client.Status(t.Context(), statuslist.Reference{URI: uri, Index: int(c.Index)}, func(x5c [][]byte) (crypto.PublicKey, error) {
		leaf, err := x509.ParseCertificate(x5c[0])
		if err != nil {
			return nil, err
		}
		return leaf.PublicKey, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
