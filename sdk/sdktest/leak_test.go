package sdktest_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// ours are the goroutines that the SDK or its connections run in.
func ours() []string {
	buf := make([]byte, 1<<20)
	var found []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		client := strings.Contains(g, "net/http.(*persistConn)")
		if (client || strings.Contains(g, "mydata/sdk.")) && !strings.Contains(g, "sdktest_test.ours") {
			found = append(found, g)
		}
	}
	return found
}

// Close ends everything: checks that wait, checks under way, connections.
//
//clause:kit Close ends everything; few modules come with the SDK
func TestCloseEndsEverything(t *testing.T) {
	h := sdktest.New(t)
	for range 4 {
		p := h.MustProvider(checkups(always), func(c *sdk.ProviderConfig) { c.PromiseInterval = time.Millisecond })
		c := h.MustConsumer(func(c *sdk.ConsumerConfig) { c.PromiseInterval = time.Millisecond })
		kim := h.MustCitizen("kim")
		if _, err := c.Again(t.Context(), "none"); err == nil {
			t.Error("a grant of nobody's")
		}
		kim.MustRelease(c, h.Need(kim))
		time.Sleep(5 * time.Millisecond)
		p.Close()
		p.Close() // twice is once
		c.Close()
	}
	var left []string
	for range 100 {
		if left = ours(); len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
}

// The hooks hear of each exchange with few labels, and of what was asked again.
func TestExchanged(t *testing.T) {
	h := sdktest.New(t)
	h.MustProvider(checkups(always))
	var mu sync.Mutex
	paths, again := map[string]int{}, 0
	c := h.MustConsumer(func(c *sdk.ConsumerConfig) {
		c.Exchanged = func(e sdk.Exchange) {
			mu.Lock()
			defer mu.Unlock()
			paths[e.Path]++
			if e.Try > 1 {
				again++
			}
		}
	})
	kim := h.MustCitizen("kim")
	h.Break(sdktest.Fault{Path: "/catalogue", Down: true, Times: 1})
	kim.MustRelease(c, h.Need(kim))
	if again != 1 || paths["/catalogue"] != 2 || paths["/par"] != 1 || paths["/token"] != 1 || paths["/release"] != 2 || paths["/agency/received"] != 1 {
		t.Errorf("%d again; %v", again, paths)
	}
}
