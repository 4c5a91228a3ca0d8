package sdk

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/govmydata/mydata/conformance/figure"
)

// What cannot be kept is not begun: the browser is sent nowhere, and the next
// try goes through.
func TestConsumerBeginsNothingItCannotKeep(t *testing.T) {
	ctx := context.Background()
	for _, keep := range []bool{false, true} {
		for name, begin := range map[string]func(*fixture) (Redirect, error){
			"login": func(f *fixture) (Redirect, error) { return f.consumer.Login(ctx) },
			"ask": func(f *fixture) (Redirect, error) {
				if _, err := f.consumer.listing.get(ctx, 0); err != nil { // kept before
					f.Fatal(err)
				}
				return f.consumer.Ask(ctx, f.need())
			},
		} {
			t.Run(fmt.Sprintf("it begins no %s, kept=%v", name, keep), func(t *testing.T) {
				f := newFixture(t)
				if _, err := f.consumer.Ask(ctx, f.need()); err != nil { // so that the catalogue is kept
					t.Fatal(err)
				}
				broken := f.breakJournal(1, 0, keep)
				if _, err := begin(f); err == nil || !*broken {
					t.Fatalf("it began: %v", err)
				}
				f.restart()
				to, err := begin(f)
				if err != nil || to.URL == "" {
					t.Fatal(err)
				}
			})
		}
	}
}

// The first use of a grant, broken at each write: a use that the hub counted is
// found again and fetched, once; otherwise nothing was counted.
func TestConsumerCrashesAtEveryWriteOfTheFirstUse(t *testing.T) {
	ctx := context.Background()
	writes := map[bool]int{}
	for _, keep := range []bool{false, true} {
		for done := false; !done; {
			n := writes[keep]
			t.Run(fmt.Sprintf("it loses no use when write %d is lost, kept=%v", n, keep), func(t *testing.T) {
				f := newFixture(t)
				state, query := f.granted("vision_ok", "hearing_ok")
				broken := f.breakJournal(1, n, keep)
				_, _ = f.consumer.Complete(ctx, state, query) // it may have been received all the same
				if done = !*broken; done {
					return
				}
				f.restart()
				f.fetchAgain(state)
			})
			if !done {
				writes[keep]++
			}
		}
	}
	if writes[false] != writes[true] {
		t.Errorf("%d writes when they are lost, %d when they are kept", writes[false], writes[true])
	}
	figure.Hold(t, "faults-consumer", writes[false]+2, "writes of the consumer's journal up to a first use, each lost, and kept but called lost")
}

// fetchAgain is what an agency does after a crash.
func (f *fixture) fetchAgain(state string) {
	f.Helper()
	ctx := context.Background()
	grants, err := f.consumer.Grants(ctx, f.need().Subject)
	if err != nil {
		f.Fatal(err)
	}
	released, err := f.provider.Releases(ctx)
	if err != nil {
		f.Fatal(err)
	}
	if len(grants) == 0 {
		if len(released) != 0 {
			f.Errorf("%d releases of a grant that is lost", len(released))
		}
		return
	}
	r, err := f.consumer.Last(ctx, grants[0])
	if Reason(err) == "unknown_grant" {
		r, err = f.consumer.Again(ctx, grants[0])
	}
	if err != nil || r.Use != 1 || len(r.Claims) != 2 {
		f.Errorf("after the crash: %+v, %v", r, err)
	}
	if released, err = f.provider.Releases(ctx); err != nil || len(released) != 1 {
		f.Errorf("%d releases, %v", len(released), err)
	}
	if _, err := f.consumer.Receipt(ctx, grants[0]); err != nil {
		f.Errorf("receipt: %v", err)
	}
	if _, err := kept[askRow](ctx, f.journals[1], "ask", state); !errors.Is(err, ErrAbsent) {
		f.Errorf("the answer can be used again: %v", err)
	}
}
