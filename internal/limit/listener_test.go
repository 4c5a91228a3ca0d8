package limit

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// served is a server with so many connections, which holds a request to /wait
// until it is told.
func served(t *testing.T, c *Connections) (address string, release chan struct{}) {
	t.Helper()
	release = make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-release
		}
		_, _ = io.WriteString(w, "served")
	}))
	s.Listener = c.Listen(s.Listener)
	s.Config.ConnState = c.State
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), release
}

func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to)
	if err != nil { // refused before it was told that it was accepted
		return nil
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// get sends a request over a connection and says whether it was answered.
func get(c net.Conn, path string) bool {
	if c == nil {
		return false
	}
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return false
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

func TestConnections(t *testing.T) {
	t.Run("it lets a refusal be heard before all was said", func(t *testing.T) {
		to, _ := served(t, &Connections{All: 100, Each: 100})
		for range 20 {
			c := dial(t, "127.0.0.66", to)
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("x", 1<<20+64<<10)+"\r\n\r\n") // more than is read
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Fatal(res.StatusCode, err)
			}
			_ = c.Close()
		}
	})
	t.Run("it gives an address its share and no more", func(t *testing.T) {
		to, _ := served(t, &Connections{All: 100, Each: 3})
		for range 3 {
			if !get(dial(t, "127.0.0.66", to), "/") {
				t.Fatal("not served")
			}
		}
		if get(dial(t, "127.0.0.66", to), "/") {
			t.Error("a fourth connection was served")
		}
		if !get(dial(t, "127.0.0.67", to), "/") {
			t.Error("another address was not served")
		}
	})
	t.Run("it gives a share free when a connection ends", func(t *testing.T) {
		to, _ := served(t, &Connections{All: 100, Each: 1})
		for range 5 {
			c := dial(t, "127.0.0.66", to)
			if !get(c, "/") {
				t.Fatal("not served")
			}
			c.Close()
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Run("it gives no share to a proxy", func(t *testing.T) {
		to, _ := served(t, &Connections{All: 100, Each: 1, Proxies: networks(t, "127.0.0.66")})
		for range 5 {
			if !get(dial(t, "127.0.0.66", to), "/") {
				t.Fatal("not served")
			}
		}
	})
	t.Run("it ends what has waited longest, and never what is at work", func(t *testing.T) {
		to, release := served(t, &Connections{All: 4, Each: 4})
		busy := dial(t, "127.0.0.66", to)
		done := make(chan bool)
		go func() { done <- get(busy, "/wait") }()
		idle := dial(t, "127.0.0.66", to)
		if !get(idle, "/") {
			t.Fatal("not served")
		}
		time.Sleep(50 * time.Millisecond)
		silent := []net.Conn{dial(t, "127.0.0.66", to), dial(t, "127.0.0.67", to)}
		time.Sleep(50 * time.Millisecond)
		for range 3 { // each takes the place of the one that waited longest
			if !get(dial(t, "127.0.0.68", to), "/") {
				t.Error("no room was made")
			}
			time.Sleep(20 * time.Millisecond)
		}
		for _, c := range append(silent, idle) {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("one that waited was kept: %v", err)
			}
		}
		close(release)
		if !<-done {
			t.Error("the one at work was ended")
		}
	})
	t.Run("it refuses when all are at work", func(t *testing.T) {
		to, release := served(t, &Connections{All: 1, Each: 4})
		done := make(chan bool)
		go func() { done <- get(dial(t, "127.0.0.66", to), "/wait") }()
		time.Sleep(50 * time.Millisecond)
		if get(dial(t, "127.0.0.67", to), "/") {
			t.Error("a second one was served")
		}
		close(release)
		<-done
	})
	t.Run("it counts right after many have come and gone", func(t *testing.T) {
		c := &Connections{All: 8, Each: 8}
		to, _ := served(t, c)
		for range 50 {
			if one := dial(t, "127.0.0.66", to); get(one, "/") {
				one.Close()
			}
		}
		time.Sleep(100 * time.Millisecond)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.all != 0 || len(c.open) != 0 || c.waiting.Len() != 0 {
			t.Errorf("all %d, open %v, waiting %d", c.all, c.open, c.waiting.Len())
		}
	})
}
