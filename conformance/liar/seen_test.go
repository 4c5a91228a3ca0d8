package liar_test

import (
	"context"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// reported are the lies that somebody finds out after the record was loaded: before
// anything left where the row says so.
var reported = []struct {
	name string
	play func(t *testing.T, s *scene)
}{
	{"a promise of another commit lets nothing leave", func(t *testing.T, s *scene) {
		s.Lie(sdktest.ReplayPromise)
		before := s.state(t)
		refused(t, s.again(t), provider, "promise")
		if after := s.state(t); after[1] != before[1] {
			t.Error("it released")
		}
	}},
	{"a promise that is not kept is reported by the provider and by the consumer", func(t *testing.T, s *scene) {
		for _, check := range s.checks(t.Context()) {
			if broken, err := check(); err != nil || len(broken) > 0 {
				t.Fatalf("before the lie: %v, %v", broken, err)
			}
		}
		s.Lie(sdktest.HideLeaf)
		if err := s.again(t); err != nil {
			t.Fatal(err)
		}
		s.Advance(2 * time.Minute)
		for name, check := range s.checks(t.Context()) {
			if broken, err := check(); err != nil || len(broken) != 1 || broken[0].Use != 2 {
				t.Errorf("the %s reports %v, %v", name, broken, err)
			}
		}
	}},
	{"a release after a withdrawal that the hub alone knew is in no log, and reported", func(t *testing.T, s *scene) {
		s.kim.MustWithdraw(s.first.GrantID)
		s.Lie(sdktest.ReleaseEndedGrant)
		if err := s.again(t); err != nil {
			t.Fatal(err) // TestStillPossibleReleaseBeforeTheWordArrives
		}
		s.Advance(2 * time.Minute)
		for name, check := range s.checks(t.Context()) {
			if broken, err := check(); err != nil || len(broken) != 1 || broken[0].Use != 2 {
				t.Errorf("the %s reports %v, %v", name, broken, err)
			}
		}
		if r := s.kim.MustReceipt(s.first.GrantID); len(r.Commits) != 1 {
			t.Errorf("%d commits in the citizen's receipt", len(r.Commits))
		}
	}},
	{"a hub that was set back makes nobody release twice", func(t *testing.T, s *scene) {
		to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
		if err != nil {
			t.Fatal(err)
		}
		query := s.kim.MustGrant(to)
		restore := s.Backup()
		if _, err := s.consumer.Complete(t.Context(), to.State, query); err != nil {
			t.Fatal(err)
		}
		before := s.state(t)
		restore()
		_, err = s.consumer.Complete(t.Context(), to.State, query)
		refused(t, err, consumer, "state")
		if after := s.state(t); after != before {
			t.Errorf("loaded and released %v, before %v", after, before)
		}
	}},
	{"two logs, each with its witnesses, contradict each other in the hands of provider and citizen", func(t *testing.T, s *scene) {
		if _, err := s.provider.CheckPromises(t.Context()); err != nil {
			t.Fatal(err)
		}
		text, err := s.provider.Inclusion(t.Context(), s.first.GrantID, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.Lie(sdktest.SplitLog)
		other := s.kim.MustReceipt(s.first.GrantID) // of this lie the receipt alone says nothing
		finding := audit.Continues(t.Context(), s.Tiles(), checkpoint(t, s, text), checkpoint(t, s, other.Events[0].Proof))
		if finding == nil || finding.Check != audit.TwoLogs || len(finding.Evidence) != 2 {
			t.Errorf("the provider's proof and the citizen's: %+v", finding)
		}
	}},
}

func TestReported(t *testing.T) {
	for _, tt := range reported {
		t.Run(tt.name, func(t *testing.T) { tt.play(t, open(t)) })
	}
}

// checks is who holds promises.
func (s *scene) checks(ctx context.Context) map[string]func() ([]sdk.Promise, error) {
	return map[string]func() ([]sdk.Promise, error){
		"provider": func() ([]sdk.Promise, error) { return s.provider.CheckPromises(ctx) },
		"consumer": func() ([]sdk.Promise, error) { return s.consumer.CheckPromises(ctx) },
	}
}

// checkpoint is that of a proof, which the policy accepts.
func checkpoint(t *testing.T, s *scene, text string) tlog.Checkpoint {
	t.Helper()
	proof, err := tlog.ParseProof([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Trust().Log.Open(proof.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
