package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/limit"
)

// Limits is what every limit.Store must do. s is empty.
func Limits(t *testing.T, s limit.Store) {
	at := time.UnixMilli(1_700_000_000_000)
	spend := func(t *testing.T, name string, begins time.Time, n, want int64) {
		t.Helper()
		sum, err := s.SpendWindow(t.Context(), name, begins, begins.Add(time.Minute), n)
		if err != nil || sum != want {
			t.Errorf("%s: %d, %v, want %d", name, sum, err, want)
		}
	}
	t.Run("it adds up by name and window", func(t *testing.T) {
		spend(t, "a", at, 1, 1)
		spend(t, "a", at, 3, 4)
		spend(t, "b", at, 1, 1)
		spend(t, "a", at.Add(time.Minute), 1, 1)
		spend(t, "a", at, 1, 5)
	})
	t.Run("it forgets what ended, and nothing else", func(t *testing.T) {
		if err := s.SweepWindows(t.Context(), at.Add(90*time.Second)); err != nil {
			t.Fatal(err)
		}
		spend(t, "a", at, 1, 1)
		spend(t, "a", at.Add(time.Minute), 1, 2)
	})
	t.Run("it loses nothing of many at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 10 {
					if _, err := s.SpendWindow(t.Context(), "hot", at, at.Add(time.Minute), 1); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		spend(t, "hot", at, 0, 80)
	})
}
