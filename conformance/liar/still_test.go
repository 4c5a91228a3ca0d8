package liar_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// What follows succeeds for a lying hub. Each stands in docs/threat-model.md; a
// test that fails here means that the document can be shortened.

// Two officers who conspire with the hub enrol a passkey for somebody whom a
// provider has never seen.
func TestStillPossibleInventedFirstPasskey(t *testing.T) {
	s := newcomer(t)
	s.Lie(sdktest.InventKey)
	if err := s.fresh(t); err != nil {
		t.Errorf("it is refused now: %v", err)
	}
	s.Lie(sdktest.Honest) // and is found out when the person comes
	refused(t, s.fresh(t), provider, "pinned passkey history")
}

// The page shows less than it has signed: what the person unticked goes along.
func TestStillPossiblePageThatShowsSomethingElse(t *testing.T) {
	s := open(t)
	to, err := s.consumer.Ask(t.Context(), s.Need(s.kim))
	if err != nil {
		t.Fatal(err)
	}
	query := s.kim.MustGrant(to, "vision_ok", "hearing_ok")
	s.Alter(sdktest.Alteration{Signed: true, Change: func(t *consent.Terms) {
		t.Claims = append(t.Claims, consent.Claim{Name: "checked_on", Label: "검진일", From: []string{"checked_on"}, Optional: true})
		t.Fields = append(t.Fields, consent.Field{Name: "checked_on", Label: "검진일"})
		notice(t)
	}})
	r, err := s.consumer.Complete(t.Context(), to.State, query)
	if err != nil || r.Claims["checked_on"] == nil {
		t.Errorf("it is refused now: %v", err)
	}
}

// The terms name an older version of the catalogue, which agencies do not keep, and
// texts that it never had. Codes and names are checked in every version.
func TestStillPossibleTextsOfAnOlderCatalogue(t *testing.T) {
	s := open(t)
	s.Alter(sdktest.Alteration{Signed: true, Change: func(t *consent.Terms) {
		t.Catalogue--
		t.Purpose.Text = "your good"
		notice(t)
	}})
	if err := s.fresh(t); err != nil {
		t.Errorf("it is refused now: %v", err)
	}
}

// The hub keeps a withdrawal to itself, which needed a session alone. What is
// released until the provider has the citizen's own word is in no honest log.
func TestStillPossibleReleaseBeforeTheWordArrives(t *testing.T) {
	s := open(t)
	s.kim.MustWithdraw(s.first.GrantID)
	s.Lie(sdktest.ReleaseEndedGrant)
	if err := s.again(t); err != nil {
		t.Errorf("it is refused now: %v", err)
	}
}

// The hub does nothing at all.
func TestStillPossibleSilence(t *testing.T) {
	s := open(t)
	before := s.state(t)
	s.Break(sdktest.Fault{Down: true})
	if err := s.again(t); err == nil {
		t.Error("a release without a hub")
	}
	if after := s.state(t); after != before {
		t.Errorf("loaded and released %v, before %v", after, before)
	}
}
