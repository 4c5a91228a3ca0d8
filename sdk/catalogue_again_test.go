package sdk

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A hub that hangs holds nobody up who knows a catalogue: one asks, and who waited
// behind it does not ask again, one after the other.
func TestCatalogueIsAskedForOnceWhileTheHubHangs(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	if _, err := f.provider.listing.get(ctx, 0); err != nil {
		t.Fatal(err)
	}
	f.world.Pass(time.Hour)
	var asked atomic.Int64
	f.route.fault = func(*http.Request, func() *http.Response) (*http.Response, error) {
		asked.Add(1)
		return nil, errors.New("no answer in time")
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := f.provider.listing.get(ctx, 0); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := asked.Load(); n != tries {
		t.Errorf("it was asked %d times", n)
	}
	f.world.Pass(catalogueAgain)
	if _, err := f.provider.listing.get(ctx, 0); err != nil || asked.Load() != 2*tries {
		t.Errorf("later: %v, asked %d times", err, asked.Load())
	}
	f.world.Pass(catalogueStale)
	if _, err := f.provider.listing.get(ctx, 0); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a day later: %v", err)
	}
}
