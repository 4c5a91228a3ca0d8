package sdk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// A provider may ask another one in its turn. What it hears there is between those
// two: the one who asks here is told of a fault, and neither another grant's end nor
// another's token.
func TestProviderKeepsRefusalsOfOthers(t *testing.T) {
	for _, foreign := range []error{
		&Error{By: "hub", Reason: "withdrawn", Check: "grant", Cause: "elsewhere"}, &Error{By: "provider", Reason: "refused", Check: transfer.CheckToken, Status: 401},
		&transfer.Refusal{Check: transfer.CheckProof, Cause: "elsewhere"},
	} {
		f := newFixture(t)
		set := f.provider.config.DataSets["health-checkup"]
		set.Load = func(context.Context, Subject) (Record, error) {
			return nil, fmt.Errorf("ask the registry: %w", foreign)
		}
		f.provider.config.DataSets["health-checkup"] = set
		status, no, _ := f.call().send()
		if status != http.StatusInternalServerError || no.Code != "internal" || strings.Contains(no.Cause, "elsewhere") {
			t.Errorf("%v: %d %+v", foreign, status, no)
		}
	}
}

// An operator may entitle a provider to the resident identifier later, and end that:
// who was known before by pseudonym alone stays known, and is tied to one resident
// from then on.
func TestPinOfAProviderThatIsEntitledLater(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	entitle := func(yes bool) {
		w := f.world
		w.Catalogue.Version++
		w.Catalogue.Agencies = slices.Clone(w.Catalogue.Agencies)
		for i := range w.Catalogue.Agencies {
			if w.Catalogue.Agencies[i].ID == w.Provider.ID {
				w.Catalogue.Agencies[i].ResidentID = yes
			}
		}
		w.Pass(10 * time.Minute)
		f.hub.bend = func(_ *transfer.TokenClaims, s *transfer.Sealed) {
			if !yes {
				s.ResidentID, s.OrderSalts = "", nil
			}
		}
	}
	set := f.provider.config.DataSets["health-checkup"]
	set.Load = func(context.Context, Subject) (Record, error) { return f.records[citizen][0], nil }
	f.provider.config.DataSets["health-checkup"] = set
	for _, yes := range []bool{false, true, false, true} {
		entitle(yes)
		f.call().mustSend()
	}
	if sub, err := kept[string](ctx, f.journals[0], "resident", citizen); err != nil || sub == "" {
		t.Errorf("the resident is tied to %q, %v", sub, err)
	}
	pins, err := f.journals[0].List(ctx, "pin")
	if err != nil || len(pins) != 1 {
		t.Fatal(pins, err)
	}
	if was, _ := kept[pinned](ctx, f.journals[0], "pin", pins[0].Key); was.ResidentID != citizen {
		t.Errorf("the pseudonym is %q's", was.ResidentID)
	}
}

// together is a journal of which two read a pin before either writes one.
type together struct {
	Journal
	arrived chan struct{}
}

func (j together) Get(ctx context.Context, kind, key string) (Entry, error) {
	e, err := j.Journal.Get(ctx, kind, key)
	if kind == "pin" {
		select {
		case j.arrived <- struct{}{}:
		case <-j.arrived:
		case <-time.After(100 * time.Millisecond):
		}
	}
	return e, err
}

// A hub that makes up a second history is found out also when it shows both at once,
// for two grants of one person.
func TestPinOfTwoHistoriesAtOnce(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	var seen transfer.Sealed
	f.hub.bend = func(_ *transfer.TokenClaims, s *transfer.Sealed) { seen = *s }
	for name, first := range map[string]bool{"it knows neither": true, "it knows what both begin with": false} {
		t.Run(name, func(t *testing.T) {
			c := f.call()
			if !first {
				c.mustSend()
			}
			f.provider.config.Journal = together{f.journals[0], make(chan struct{})}
			found := make(chan error, 2)
			for i := range 2 {
				g := &transfer.Granted{Sealed: seen}
				g.Sealed.Subject += map[bool]string{true: "-unknown"}[first]
				g.Sealed.ResidentID = ""
				h := slices.Clone(seen.Approval.History)
				if first {
					h[0].Event.At = h[0].Event.At.Add(time.Duration(i) * time.Second)
				} else {
					more := h[0]
					more.Event.At = more.Event.At.Add(time.Duration(i+1) * time.Second)
					h = append(h, more)
				}
				g.Sealed.Approval.History = h
				go func() { found <- f.provider.pin(ctx, g) }()
			}
			one, other := <-found, <-found
			if (one == nil) == (other == nil) {
				t.Errorf("two histories: %v, %v", one, other)
			}
			f.provider.config.Journal = f.journals[0]
		})
	}
}
