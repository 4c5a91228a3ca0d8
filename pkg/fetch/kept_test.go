package fetch

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestKeptLife(t *testing.T) {
	var failed = errors.New("no")
	now, asked := time.Now(), 0
	k := Kept[int]{Now: func() time.Time { return now }}
	var fails error
	life := time.Minute
	get := func() (int, error) {
		return k.Get(t.Context(), "a", func(context.Context, string) (int, time.Duration, error) { asked++; return asked, life, fails })
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		fails error
		life  time.Duration
		asked int
	}{
		{"it asks", 0, nil, time.Minute, 1},
		{"it keeps what was said", time.Minute - 1, nil, time.Minute, 1},
		{"it asks again afterwards", 1, nil, time.Minute, 2},
		{"it asks again when the clock was set back", -2 * time.Minute, nil, time.Minute, 3},
		{"it hears of a failure", time.Minute, failed, time.Minute, 4},
		{"it keeps a failure for a second", FailedLife - 1, nil, time.Minute, 4},
		{"it asks again then", 1, nil, 0, 5},
		{"it keeps nothing that may not be kept", 0, nil, time.Minute, 6},
	} {
		now, fails, life = now.Add(step.after), step.fails, step.life
		got, err := get()
		if asked != step.asked || err == nil && got != asked || (err != nil) != (asked == 4) {
			t.Errorf("%s: %d, %v; asked %d times", step.name, got, err, asked)
		}
	}
	for n := range MaxKept + 2 {
		if _, err := k.Get(t.Context(), strconv.Itoa(n), func(context.Context, string) (int, time.Duration, error) { return n, time.Minute, nil }); err != nil || len(k.held) > MaxKept {
			t.Fatal(err, len(k.held))
		}
	}
}

// TestKeptGood: names that fail drive out nothing that was kept.
func TestKeptGood(t *testing.T) {
	var k Kept[int]
	asked := 0
	good := func() {
		if _, err := k.Get(t.Context(), "good", func(context.Context, string) (int, time.Duration, error) { asked++; return 1, time.Hour, nil }); err != nil {
			t.Fatal(err)
		}
	}
	good()
	for n := range 4 * MaxKept {
		if _, err := k.Get(t.Context(), strconv.Itoa(n), func(context.Context, string) (int, time.Duration, error) { return 0, 0, errors.New("no") }); err == nil {
			t.Fatal("it found something")
		}
	}
	if good(); asked != 1 || len(k.held) > MaxKept {
		t.Errorf("asked %d times; %d are kept", asked, len(k.held))
	}
}

// TestKeptTogether: who asks at once waits for one question, and may go away.
func TestKeptTogether(t *testing.T) {
	var k Kept[int]
	var asked atomic.Int64
	begun, answer := make(chan struct{}), make(chan struct{})
	ask := func(ctx context.Context, _ string) (int, time.Duration, error) {
		asked.Add(1)
		close(begun)
		<-answer
		return 7, time.Minute, ctx.Err()
	}
	first, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := k.Get(first, "a", ask)
		gone <- err
	}()
	<-begun
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if got, err := k.Get(t.Context(), "a", ask); got != 7 || err != nil {
				t.Errorf("%d, %v", got, err)
			}
		})
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the first waits on: %v", err)
	}
	close(answer)
	group.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}
