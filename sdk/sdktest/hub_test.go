package sdktest_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

var checkup = sdk.Record{"vision_left": 0.8, "vision_right": 1.0, "hearing_left": 20, "remarks": "stays", "checked_on": "2026-05-14"}

func checkups(load func(context.Context, sdk.Subject) (sdk.Record, error)) map[string]sdk.DataSet {
	return map[string]sdk.DataSet{sdktest.DataSet: {Load: load, Derive: sdktest.Derive}}
}

func always(context.Context, sdk.Subject) (sdk.Record, error) { return checkup, nil }

// scene is a hub with both agencies and one person.
type scene struct {
	*sdktest.Hub
	provider *sdk.Provider
	consumer *sdk.Consumer
	kim      *sdktest.Citizen
}

func open(t *testing.T, bend ...func(*sdk.ConsumerConfig)) *scene {
	h := sdktest.New(t)
	return &scene{h, h.MustProvider(checkups(always)), h.MustConsumer(bend...), h.MustCitizen("kim")}
}

// ask asks for data and lets the person grant it.
func (s *scene) ask(t *testing.T) (*sdk.Release, error) {
	t.Helper()
	to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
	if err != nil {
		t.Fatal(err)
	}
	return s.consumer.Complete(t.Context(), to.State, s.kim.MustGrant(to))
}

func refused(t *testing.T, err error, by, reason, check string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.By != by || e.Reason != reason || e.Check != check || e.Mender == "" {
		t.Errorf("%v: %+v; want by %s, %s, check %q", err, e, by, reason, check)
	}
}

func TestHub(t *testing.T) {
	s := open(t)
	if trust, err := sdk.LoadTrust(s.TrustFolder()); err != nil || trust.Issuer != s.URL {
		t.Errorf("trust folder: %v", err)
	}
	r := s.kim.MustRelease(s.consumer, s.Need(s.kim))
	if r.Claims["vision_ok"] != true || r.Claims["hearing_ok"] != true || r.Claims["checked_on"] != "2026-05-14" || r.Receipt == nil {
		t.Errorf("%+v", r)
	}
	if broken, err := s.provider.CheckPromises(t.Context()); err != nil || len(broken) > 0 {
		t.Errorf("broken promises: %v, %v", broken, err)
	}
	if left, err := s.provider.Promises(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("promises that are not proven: %v, %v", left, err)
	}
	if _, err := s.provider.Inclusion(t.Context(), r.GrantID, 1); err != nil {
		t.Error(err)
	}
}

// Each lie is refused by name by who can see it.
//
//clause:kit a hub that lies is refused by name
func TestLies(t *testing.T) {
	for _, tt := range []struct {
		name              string
		lie               sdktest.Lie
		by, reason, check string
	}{
		{"it refuses a swapped recipient key", sdktest.SwapRecipientKey, "sdk", "refused", "terms follow the request"},
		{"it refuses altered terms", sdktest.AlterTerms, "sdk", "refused", "terms follow the request"},
		{"it refuses another subject", sdktest.OtherSubject, "provider", "refused", "subject"},
		{"it refuses a second log", sdktest.ForkLog, "provider", "refused", "passkey inclusion"},
		{"it refuses an invented key of a person it knows", sdktest.InventKey, "provider", "refused", "pinned passkey history"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			s.kim.MustRelease(s.consumer, s.Need(s.kim)) // so that the person is known
			s.Lie(tt.lie)
			_, err := s.ask(t)
			refused(t, err, tt.by, tt.reason, tt.check)
			s.Lie(sdktest.Honest)
			if _, err := s.ask(t); err != nil {
				t.Errorf("honest again: %v", err)
			}
		})
	}
}

//clause:kit a hub that lies is refused by name
func TestTokenForAWithdrawnGrant(t *testing.T) {
	s := open(t)
	r := s.kim.MustRelease(s.consumer, s.Need(s.kim))
	s.kim.MustWithdraw(r.GrantID)
	s.Lie(sdktest.TokenForEndedGrant)
	_, err := s.consumer.Again(t.Context(), r.GrantID)
	refused(t, err, "provider", "withdrawn", "grant state") // at the commit
	if released, _ := s.provider.Releases(t.Context()); len(released) != 1 {
		t.Errorf("%d releases", len(released))
	}
}

//clause:kit a hub that lies is refused by name
func TestHiddenLeaf(t *testing.T) {
	var told []sdk.Promise
	s := open(t, func(c *sdk.ConsumerConfig) {
		c.StopOnBrokenPromise = true
		c.BrokenPromise = func(p sdk.Promise) { told = append(told, p) }
	})
	s.Lie(sdktest.HideLeaf)
	r := s.kim.MustRelease(s.consumer, s.Need(s.kim))
	if r.Receipt != nil {
		t.Error("a receipt without a leaf")
	}
	s.Advance(2 * time.Minute)
	if broken, err := s.consumer.CheckPromises(t.Context()); err != nil || len(broken) != 1 || len(told) != 1 {
		t.Errorf("broken: %v, %v; told %v", broken, err, told)
	}
	_, err := s.consumer.Again(t.Context(), r.GrantID)
	refused(t, err, "sdk", "promise_broken", "promise kept")
}

// A hub that was set back to a backup does not make a provider release twice.
//
//clause:kit a hub that lies is refused by name
func TestRestoredBackup(t *testing.T) {
	s := open(t)
	to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
	if err != nil {
		t.Fatal(err)
	}
	query := s.kim.MustGrant(to)
	restore := s.Backup()
	r, err := s.consumer.Complete(t.Context(), to.State, query)
	if err != nil {
		t.Fatal(err)
	}
	restore()
	again, err := s.consumer.Again(t.Context(), r.GrantID) // the first use's answer, from the journal
	if err != nil || again.Use != 1 || again.Evidence != r.Evidence {
		t.Errorf("Again: %+v, %v", again, err)
	}
	if released, _ := s.provider.Releases(t.Context()); len(released) != 1 {
		t.Errorf("%d releases", len(released))
	}
}

//clause:kit down, slow, lost answers, clocks apart, withdrawn between check and commit
func TestWithdrawnBetweenCheckAndCommit(t *testing.T) {
	s := open(t)
	s.DuringRelease(s.kim.MustWithdraw)
	_, err := s.ask(t)
	refused(t, err, "provider", "withdrawn", "grant state")
}

//clause:kit down, slow, lost answers, clocks apart, withdrawn between check and commit
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault sdktest.Fault
	}{
		{"it tries again when the commit did not arrive", sdktest.Fault{Path: "/agency/commits", Down: true, Times: 1}},
		{"it tries again when the commit's answer was lost", sdktest.Fault{Path: "/agency/commits", Lost: true, Times: 1}},
		{"it tries again when the hub is busy", sdktest.Fault{Path: "/agency/commits", Busy: true, Times: 1}},
		{"it waits for a slow hub", sdktest.Fault{Slow: 20 * time.Millisecond}},
		{"it does without the receipt for now", sdktest.Fault{Path: "/agency/received", Down: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			s.Break(tt.fault)
			r, err := s.ask(t)
			if err != nil {
				t.Fatal(err)
			}
			s.Break(sdktest.Fault{})
			if _, err := s.consumer.Receipt(t.Context(), r.GrantID); err != nil {
				t.Errorf("receipt later: %v", err)
			}
			if released, _ := s.provider.Releases(t.Context()); len(released) != 1 {
				t.Errorf("%d releases", len(released))
			}
		})
	}
	t.Run("it says that the hub is down", func(t *testing.T) {
		s := open(t)
		s.Break(sdktest.Fault{Down: true})
		if _, err := s.consumer.Ask(t.Context(), s.Need(s.kim)); !errors.Is(err, sdk.ErrUnavailable) {
			t.Errorf("Ask: %v", err)
		}
	})
}

//clause:kit down, slow, lost answers, clocks apart, withdrawn between check and commit
func TestClocks(t *testing.T) {
	for _, tt := range []struct {
		name string
		skew time.Duration
		ok   bool
	}{
		{"it tolerates a hub that is a little ahead", 5 * time.Second, true},
		{"it tolerates a hub that is a little behind", -5 * time.Second, true},
		{"it refuses a hub that is far ahead", 10 * time.Minute, false},
		{"it refuses a hub that is far behind", -10 * time.Minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t)
			s.Skew(tt.skew)
			to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
			if err == nil {
				_, err = s.consumer.Complete(t.Context(), to.State, s.kim.MustGrant(to))
			}
			if (err == nil) != tt.ok {
				t.Errorf("skew %v: %v", tt.skew, err)
			}
		})
	}
	s := open(t)
	r := s.kim.MustRelease(s.consumer, s.Need(s.kim))
	s.Advance(31 * 24 * time.Hour)
	_, err := s.consumer.Again(t.Context(), r.GrantID)
	refused(t, err, "hub", "expired", "grant")
}

// Two processes of a provider share a journal and answer one request at once:
// one release, and whoever is answered can read it.
func TestProvidersOfOneJournal(t *testing.T) {
	s := open(t)
	journal, err := sdk.OpenFileJournal(filepath.Join(t.TempDir(), "shared"))
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	var both [2]*sdk.Provider
	for i := range both {
		both[i] = s.MustProvider(checkups(always), func(c *sdk.ProviderConfig) { c.Journal = journal })
	}
	s.Serve(twice{both[0], both[1]})
	for range 6 {
		if _, err := s.ask(t); err != nil && sdk.Reason(err) != "use_taken" {
			t.Error(err)
		}
	}
}
