package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/internal/idp/sandbox"
)

//clause:kit a sandbox keeps agencies apart
func TestNameClaims(t *testing.T) {
	n := &nameClaims{dir: filepath.Join(t.TempDir(), "names of [1")}
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: "office", Key: fmt.Sprint("key", i)})
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
		if ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: slug, Key: "k"}); ok != want || err != nil {
			t.Errorf("%s: %v, %v", slug, ok, err)
		}
	}
	if ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: "fourth", Key: "k"}); ok || err != nil {
		t.Errorf("over the quota: %v, %v", ok, err)
	}
	if ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: "second", Key: "k"}); !ok || err != nil {
		t.Errorf("again: %v, %v", ok, err)
	}
}

// Two names are taken together, or neither where one is another's.
//
//clause:kit a sandbox keeps agencies apart
func TestNameClaimsTogether(t *testing.T) {
	n := &nameClaims{dir: t.TempDir()}
	for i, tt := range []struct {
		first, second sandbox.Claim
		want          bool
	}{
		{sandbox.Claim{Name: "ISSUER.1", Key: "office"}, sandbox.Claim{Name: "OFFICE.office", Key: "1"}, true},
		{sandbox.Claim{Name: "ISSUER.2", Key: "office"}, sandbox.Claim{Name: "OFFICE.office", Key: "2"}, false},
		{sandbox.Claim{Name: "ISSUER.2", Key: "other"}, sandbox.Claim{Name: "OFFICE.other", Key: "2"}, true}, // office left it free
		{sandbox.Claim{Name: "ISSUER.1", Key: "office"}, sandbox.Claim{Name: "OFFICE.office", Key: "1"}, true},
	} {
		if ok, err := n.claim(t.Context(), 3, tt.first, tt.second); ok != tt.want || err != nil {
			t.Errorf("%d: %v, %v", i, ok, err)
		}
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
		if ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: "office", Key: "mine"}); ok || err == nil {
			t.Errorf("kept %v: %v, %v", kept, ok, err)
		}
		n.sync = nil
		if ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: "office", Key: "another"}); ok == kept || err != nil {
			t.Errorf("kept %v, another: %v, %v", kept, ok, err)
		}
		if ok, err := n.claim(t.Context(), 3, sandbox.Claim{Name: "office", Key: "mine"}); ok != kept || err != nil {
			t.Errorf("kept %v, again: %v, %v", kept, ok, err)
		}
	}
}
