package sdk

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
)

// A use whose answer was lost is finished by whoever comes first; who waited for it
// gets the same, and takes no number more.
func TestConsumerFinishesAUseOnceForAll(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	state, query := f.granted("vision_ok", "hearing_ok")
	f.lost("insurer.example", 1<<20, true)
	if _, err := f.consumer.Complete(ctx, state, query); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	grants, err := f.consumer.Grants(ctx, f.need().Subject)
	if err != nil || len(grants) != 1 {
		t.Fatal(grants, err)
	}
	inside, others := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.route.mu.Lock()
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		if r.URL.Host == "insurer.example" {
			once.Do(func() { close(inside); <-others }) // the others wait for the first
		}
		return send(), nil
	}
	f.route.mu.Unlock()
	var wg sync.WaitGroup
	again := func() {
		r, err := f.consumer.Again(ctx, grants[0])
		if err != nil || r.Use != 1 || r.Claims["vision_ok"] != true {
			t.Errorf("again: %+v, %v", r, err)
		}
	}
	wg.Go(again)
	<-inside
	for range 3 {
		wg.Go(again)
	}
	for waiting := 0; waiting < 4; { // the first holds the grant, three stand before it
		f.consumer.locks.mu.Lock()
		if l := f.consumer.locks.held[grants[0]]; l != nil {
			waiting = l.waiting
		}
		f.consumer.locks.mu.Unlock()
	}
	close(others)
	wg.Wait()
	if released, _ := f.provider.Releases(ctx); len(released) != 1 {
		t.Errorf("%d releases", len(released))
	}
}
