package signals_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/sdk"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// kept is what an agency's journal holds of one kind, as the file stands.
func kept(t *testing.T, s *stage.Stage, agency, kind string) []sdk.Entry {
	t.Helper()
	text, err := os.ReadFile(s.Path(agency, "journal"))
	must(t, err)
	copied := filepath.Join(t.TempDir(), "journal")
	must(t, os.WriteFile(copied, text, 0o600))
	journal, err := sdk.OpenFileJournal(copied)
	must(t, err)
	defer journal.Close()
	all, err := journal.List(t.Context(), kind)
	must(t, err)
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until looks again and again, for half a minute.
func until(t *testing.T, what string, there func() bool) time.Duration {
	t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if there() {
			return time.Since(began)
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%s: not within 30 seconds", what)
		}
	}
}

func last(t *testing.T, s *stage.Stage, agency string) (at struct {
	Last    int64   `json:"last"`
	Missing []int64 `json:"missing"`
}) {
	t.Helper()
	for _, e := range kept(t, s, agency, "signals") {
		must(t, json.Unmarshal(e.Value, &at))
	}
	return at
}

//clause:signals RFC 8935, 2.1 and 2.2: pushed with its media type, taken by 202
func TestWithdrawalReachesTheAgencies(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	ctx, licence := t.Context(), s.URL(stage.Licence)
	letter, err := s.Letter(ctx, "resident-01", false)
	must(t, err)
	c := citizen.New(s.URL(stage.IDP), "resident-01")
	must(t, c.Enrol(ctx, letter.URL))
	grant, err := c.Renew(ctx, licence)
	must(t, err)
	until(t, "the consumer hears of the grant", func() bool { return last(t, s, stage.Licence).Last >= 1 })
	until(t, "the provider hears of the receipt", func() bool { return last(t, s, stage.Insurer).Last >= 1 })
	must(t, c.Withdraw(ctx, grant))
	took := until(t, "the consumer marks the grant", func() bool {
		for _, e := range kept(t, s, stage.Licence, "ended") {
			if e.Key == grant {
				return true
			}
		}
		return false
	})
	t.Logf("from the withdrawal's acknowledgement to the consumer's mark: %s", took)
	until(t, "the provider hears of the withdrawal", func() bool { return last(t, s, stage.Insurer).Last >= 2 })
	if ciphertexts := kept(t, s, stage.Insurer, "ciphertext"); len(ciphertexts) != 0 {
		t.Errorf("the provider keeps %d ciphertexts of a grant that is over", len(ciphertexts))
	}
	for _, agency := range []string{stage.Licence, stage.Insurer} {
		if at := last(t, s, agency); len(at.Missing) != 0 {
			t.Errorf("%s misses %v of %d", agency, at.Missing, at.Last)
		}
	}
	if err := c.Again(ctx, licence, grant); !citizen.Refused(err, 409) {
		t.Errorf("again: %v", err)
	}
}
