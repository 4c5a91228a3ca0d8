package limit

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestFields(t *testing.T) {
	for _, c := range []struct {
		name           string
		fields, status int
	}{
		{"it takes a browser's and its proxies'", maxFields, 200},
		{"it refuses more", maxFields + 1, 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
			for i := range c.fields {
				r.Header.Set(fmt.Sprint("X-", i), "")
			}
			Fields(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != c.status {
				t.Error(w.Code)
			}
		})
	}
	t.Run("it keeps none of them while a body does not come", func(t *testing.T) {
		server := httptest.NewServer(Fields(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })))
		defer server.Close()
		var head strings.Builder
		head.WriteString("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
		for i := range 6000 {
			fmt.Fprintf(&head, "%x:\n", i)
		}
		const many = 32
		before := live()
		for range many {
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, head.String()+"\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(500 * time.Millisecond)
		if each := (live() - before) / many; each > 128<<10 {
			t.Errorf("each holds %d KiB", each>>10)
		}
	})
}

// live is how many bytes are in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
