package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

//clause:kit a sandbox keeps agencies apart
func TestNameClaims(t *testing.T) {
	n := &nameClaims{dir: filepath.Join(t.TempDir(), "names")}
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ok, err := n.claim(t.Context(), "office", fmt.Sprint("key", i), 3)
			if err != nil {
				t.Error(err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d keys got the name", won.Load())
	}
	for slug, want := range map[string]bool{"second": true, "third": true} {
		if ok, err := n.claim(t.Context(), slug, "k", 3); ok != want || err != nil {
			t.Errorf("%s: %v, %v", slug, ok, err)
		}
	}
	if ok, err := n.claim(t.Context(), "fourth", "k", 3); ok || err != nil {
		t.Errorf("over the quota: %v, %v", ok, err)
	}
	if ok, err := n.claim(t.Context(), "second", "k", 3); !ok || err != nil {
		t.Errorf("again: %v, %v", ok, err)
	}
}

// A write that failed is lost, or kept but called lost; the same key then gets
// the name, and another key only where it was lost.
//
//clause:kit a sandbox keeps agencies apart
func TestNameClaimsFault(t *testing.T) {
	for _, kept := range []bool{false, true} {
		n := &nameClaims{dir: t.TempDir()}
		calls := 0
		n.sync = func(f *os.File) error {
			if calls++; calls == 1 != kept { // the file's, or the folder's after it has its name
				return errors.New("disk gone")
			}
			return f.Sync()
		}
		if ok, err := n.claim(t.Context(), "office", "mine", 3); ok || err == nil {
			t.Errorf("kept %v: %v, %v", kept, ok, err)
		}
		n.sync = nil
		if ok, err := n.claim(t.Context(), "office", "another", 3); ok == kept || err != nil {
			t.Errorf("kept %v, another: %v, %v", kept, ok, err)
		}
		if ok, err := n.claim(t.Context(), "office", "mine", 3); ok != kept || err != nil {
			t.Errorf("kept %v, again: %v, %v", kept, ok, err)
		}
	}
}
