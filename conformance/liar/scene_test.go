package liar_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// scene is a hub that may lie, both agencies, and one person whom both know from
// an honest release.
type scene struct {
	*sdktest.Hub
	provider *sdk.Provider
	consumer *sdk.Consumer
	kim      *sdktest.Citizen
	first    *sdk.Release // of two uses

	mu     sync.Mutex
	loaded int
}

func open(t *testing.T) *scene {
	t.Helper()
	s := newcomer(t)
	s.first = s.kim.MustRelease(s.consumer, s.Need(s.kim))
	return s
}

// newcomer is a scene whose person nobody has seen yet.
func newcomer(t *testing.T) *scene {
	t.Helper()
	s := &scene{Hub: sdktest.New(t)}
	s.provider = s.MustProvider(map[string]sdk.DataSet{sdktest.DataSet: {Load: s.load, Derive: sdktest.Derive}})
	s.consumer, s.kim = s.MustConsumer(), s.MustCitizen("kim")
	return s
}

func (s *scene) load(context.Context, sdk.Subject) (sdk.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded++
	return sdk.Record{"vision_left": 0.8, "vision_right": 1.0, "hearing_left": 20, "remarks": "stays", "checked_on": "2026-05-14"}, nil
}

// state is what a lie that is refused must not change.
func (s *scene) state(t *testing.T) [2]int {
	t.Helper()
	released, err := s.provider.Releases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return [2]int{s.loaded, len(released)}
}

// fresh asks for another grant, which kim gives.
func (s *scene) fresh(t *testing.T) error {
	t.Helper()
	to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
	if err != nil {
		return err
	}
	_, err = s.consumer.Complete(t.Context(), to.State, s.kim.MustGrant(to))
	return err
}

// again asks for the first grant's second use.
func (s *scene) again(t *testing.T) error {
	t.Helper()
	_, err := s.consumer.Again(t.Context(), s.first.GrantID)
	return err
}

// refused holds an error to who refused, and by which check.
func refused(t *testing.T, err error, by, check string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Errorf("not refused by name, wanted by %s: %q: %v", by, check, err)
		return
	}
	if e.By != by || e.Check != check || e.Mender == "" || e.Cause == "" {
		t.Errorf("refused by %q, check %q, mender %q: %s; wanted by %q, check %q", e.By, e.Check, e.Mender, e.Cause, by, check)
	}
}

// who refuses, as an sdk.Error says it: the consumer's own SDK, or the provider.
const (
	consumer = "sdk"
	provider = "provider"
)
