package sdk

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

func TestProviderPinsThePasskeyHistory(t *testing.T) {
	ctx := context.Background()
	t.Run("it takes a history that has grown", func(t *testing.T) {
		f := newFixture(t)
		f.call().mustSend()
		second := consenttest.NewPasskey(f.world.RP)
		f.world.People.Change(citizen, approval.OpAdd, second, f.passkey)
		f.passkey = second
		f.call().mustSend()
	})
	t.Run("it takes an approval from before the history grew", func(t *testing.T) {
		f := newFixture(t)
		r := f.complete()
		second := consenttest.NewPasskey(f.world.RP)
		f.world.Pass(time.Minute)
		f.world.People.Change(citizen, approval.OpAdd, second, f.passkey)
		f.call().mustSend()
		if _, err := f.consumer.Again(ctx, r.GrantID); err != nil {
			t.Errorf("Again: %v", err)
		}
	})
	t.Run("it refuses another history", func(t *testing.T) {
		f := newFixture(t)
		f.call().mustSend()
		// What was seen before began with another event than what comes now.
		pins, err := f.journals[0].List(ctx, "pin")
		if err != nil || len(pins) != 1 {
			t.Fatal(pins, err)
		}
		seen, _ := kept[pinned](ctx, f.journals[0], "pin", pins[0].Key)
		seen.Events[0].Digest = consent.DigestOf("another")
		if err := f.provider.keep(ctx, "pin", pins[0].Key, seen, time.Time{}); err != nil {
			t.Fatal(err)
		}
		f.call().want(http.StatusForbidden, "refused", checkPinned)
	})
	t.Run("it refuses a passkey removed before it approved", func(t *testing.T) {
		f := newFixture(t)
		f.complete()
		state, query := f.granted("vision_ok", "hearing_ok") // approved by the first passkey, before …
		old := f.passkey
		f.passkey = consenttest.NewPasskey(f.world.RP)
		f.world.People.Change(citizen, approval.OpAdd, f.passkey, old)
		f.world.People.Change(citizen, approval.OpRemove, old, f.passkey)
		f.call().mustSend() // … the provider learns that it is gone, in the same second
		_, err := f.consumer.Complete(ctx, state, query)
		var refused *Error
		if !errors.As(err, &refused) || refused.Check != checkPinned {
			t.Errorf("Complete: %v", err)
		}
	})
	t.Run("it refuses a pseudonym that was another resident's", func(t *testing.T) {
		f := newFixture(t)
		f.call().mustSend()
		f.records["resident-03"] = f.records[citizen]
		f.hub.bend = func(_ *transfer.TokenClaims, s *transfer.Sealed) { s.ResidentID = "resident-03" }
		f.call().want(http.StatusForbidden, "refused", transfer.CheckSubject) // the officers say so already
		f.hub.bend = nil
		pins, _ := f.journals[0].List(ctx, "pin")
		seen, _ := kept[pinned](ctx, f.journals[0], "pin", pins[0].Key)
		seen.ResidentID = "resident-03"
		if err := f.provider.keep(ctx, "pin", pins[0].Key, seen, time.Time{}); err != nil {
			t.Fatal(err)
		}
		f.call().want(http.StatusForbidden, "refused", checkPinned)
	})
	t.Run("it refuses a resident known by another pseudonym", func(t *testing.T) {
		f := newFixture(t)
		f.call().mustSend()
		journal := f.journals[0]
		pins, _ := journal.List(ctx, "pin")
		journal.Delete(ctx, "pin", pins[0].Key)
		e, _ := entry("resident", citizen, "another pseudonym", time.Time{})
		journal.Put(ctx, e)
		f.call().want(http.StatusForbidden, "refused", checkPinned)
	})
}
