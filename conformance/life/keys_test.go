package life_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// TestKeysChange has every key of the hub followed by the next while people go on:
// what the old ones signed holds, and who took the next in notices nothing.
//
//clause:as ours: the keys of tokens, records, credentials and status lists change, and agencies, verifiers and citizens go on
func TestKeysChange(t *testing.T) {
	ctx := t.Context()
	s := stage.Run(t, stage.Options{})
	l := begin(t, s, "resident-01")
	old := l.card(t)
	proves := func() {
		t.Helper()
		if status, err := l.Prove(ctx, s.URL(stage.Verifier), l.phone); err != nil || status != "verified" {
			t.Errorf("the card is %s, %v", status, err)
		}
	}
	proves()
	grant, err := l.Renew(ctx, l.licence)
	must(t, err)
	before := l.receipt(t, grant)
	pinned := filepath.Join(t.TempDir(), "trust")
	must(t, os.CopyFS(pinned, os.DirFS(s.Path("trust"))))

	// The next keys are made and published; each who pins the old takes them in.
	purposes := []string{"token", "idtoken", "record", "issuer", "status"}
	for _, p := range purposes {
		l.operator(t, "keygen", "--rotate-"+p, "--active-in", "1h", "--issuer", l.hub)
	}
	l.again(t, stage.IDP)
	if out := l.operator(t, "trust", "rekey", s.Path("trust")); strings.Count(out, "added") != 2 {
		t.Errorf("it says %q", out)
	}
	l.again(t, stage.Insurer, stage.Licence, stage.Verifier)
	must(t, l.Login(ctx))
	proves()

	// Their time comes.
	for _, p := range purposes {
		from := s.Path("keys", p+"-2.from")
		must(t, os.WriteFile(from, []byte(time.Now().Add(-time.Second).UTC().Format(time.RFC3339)+"\n"), 0o600))
	}
	l.again(t, stage.IDP)
	must(t, l.Login(ctx))
	_, err = l.Renew(ctx, l.licence) // the agency's own login went with its process
	must(t, err)
	must(t, l.Again(ctx, l.licence, grant))
	proves()
	fresh := l.card(t)
	if fresh.ref == old.ref {
		t.Error("no new card came")
	}
	proves()
	after := l.receipt(t, grant)
	for _, c := range []struct {
		name, trust string
		receipt     receipt.Receipt
		fails       string
	}{
		{"the receipt of before, by the folder of before", pinned, before, ""},
		{"the receipt of before, by the folder of now", s.Path("trust"), before, ""},
		{"the receipt of now, by the folder of now", s.Path("trust"), after, ""},
		{"the receipt of now, by the folder of before", pinned, after, "idp trust rekey"},
	} {
		trust, err := consent.LoadTrust(os.DirFS(c.trust))
		must(t, err)
		failed := receipt.Verify(c.receipt, trust).Failed()
		if c.fails == "" && len(failed) > 0 || c.fails != "" && (len(failed) != 1 || !strings.Contains(failed[0].Detail, c.fails)) {
			t.Errorf("%s: %+v", c.name, failed)
		}
	}
	if out := l.operator(t, "trust", "rekey", pinned); strings.Count(out, "added") != 2 {
		t.Errorf("who slept takes them in by the old key's word: %q", out)
	}
}

// again ends services and starts them.
func (l *life) again(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, l.Stop(name))
		must(t, l.Start(name))
		must(t, l.Wait(t.Context(), name))
	}
}

// receipt waits until the log has all of it.
func (l *life) receipt(t *testing.T, grant string) (r receipt.Receipt) {
	t.Helper()
	eventually(t, func() bool {
		raw, err := l.Receipt(t.Context(), grant)
		if err == nil {
			r, err = receipt.Parse(raw)
		}
		return err == nil
	})
	return r
}
