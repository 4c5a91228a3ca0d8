package witness_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/witness"
)

// TestKeysMadeAtOnce: two that make the missing key at once get one.
func TestKeysMadeAtOnce(t *testing.T) {
	for range 20 {
		folder := t.TempDir()
		keys := make(chan string)
		for range 8 {
			go func() {
				key, err := witness.Generate(folder, "witness.example/1")
				if err != nil {
					keys <- err.Error()
					return
				}
				keys <- key.String()
			}()
		}
		first := <-keys
		for range 7 {
			if other := <-keys; other != first {
				t.Errorf("%s and %s", first, other)
			}
		}
	}
}
