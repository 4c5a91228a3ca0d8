package abuse_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
)

func dialFrom(ctx context.Context, address, to string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 2 * time.Second}
	return d.DialContext(ctx, "tcp", to)
}

// A bomb is what is sent over one connection, and what must come of it.
type bomb struct {
	name   string
	begin  string
	drip   string        // sent again and again, until the connection ends
	every  time.Duration // 0: as fast as it goes
	within time.Duration // the connection has ended
	status int           // of the answer, if there is one; 0: any refusal or none
	long   bool          // only in the long form
}

var bombs = []bomb{
	{name: "a header that never ends", begin: "GET / HTTP/1.1\r\nHost: x\r\n", drip: "X-A: b\r\n", every: 500 * time.Millisecond, within: 8 * time.Second},
	{name: "a first line that never comes", begin: "", drip: "", every: time.Second, within: 8 * time.Second},
	{name: "a header of megabytes", begin: "GET / HTTP/1.1\r\nHost: x\r\n", drip: "X-A: " + strings.Repeat("b", 4000) + "\r\n", within: 6 * time.Second, status: 431},
	{name: "a line of megabytes", begin: "GET /", drip: strings.Repeat("a", 4000), within: 6 * time.Second, status: 431},
	{name: "a body of megabytes", begin: "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000000\r\n\r\ngrant_type=",
		drip: strings.Repeat("a", 4000), within: 6 * time.Second, status: 400},
	{name: "chunks without end", begin: "POST /agency/commits HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\nTransfer-Encoding: chunked\r\n\r\n",
		drip: "fa0\r\n" + strings.Repeat("a", 4000) + "\r\n", within: 6 * time.Second, status: 413},
	{name: "a body of megabytes for a page", begin: "POST /login/options HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n[",
		drip: strings.Repeat("[", 4000), within: 6 * time.Second},
	{name: "a compressed body", begin: "POST /credential HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 100000000\r\n\r\n",
		drip: strings.Repeat("\x00", 4000), within: 6 * time.Second, status: 415},
	{name: "a body that never ends", begin: "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n",
		drip: "a", every: 500 * time.Millisecond, within: 20 * time.Second},
	{name: "a connection that idles", begin: "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", drip: "", every: time.Second, within: 70 * time.Second, status: 200, long: true},
}

// explode explodes each bomb at the hub and at the verifier, all at once, and answers
// what was wrong: no connection may cost more than a little, in time or bytes.
// What the kernel buffers is not counted.
func (w *world) explode(ctx context.Context) []error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var wrong []error
	for _, process := range []string{stage.IDP, stage.Verifier} {
		for _, b := range bombs {
			if b.long && !figure.Soak() {
				continue
			}
			all.Go(func() {
				if err := b.explode(ctx, w.Addr(process), process == stage.IDP); err != nil {
					mu.Lock()
					defer mu.Unlock()
					wrong = append(wrong, fmt.Errorf("%s, %s: %w", process, b.name, err))
				}
			})
		}
	}
	all.Wait()
	return wrong
}

func (b bomb) explode(ctx context.Context, to string, exact bool) error {
	c, err := dialFrom(ctx, "127.0.3.1", to)
	if err != nil {
		return err
	}
	defer c.Close()
	began := time.Now()
	answers := make(chan error, 1)
	go func() { answers <- b.read(c, exact) }()
	_ = c.SetWriteDeadline(began.Add(b.within + 5*time.Second))
	for _, err = io.WriteString(c, b.begin); err == nil; _, err = io.WriteString(c, b.drip) {
		select {
		case result := <-answers: // the other side has ended it
			return errors.Join(result, b.late(began))
		case <-time.After(b.every):
		}
		if time.Since(began) > b.within+5*time.Second {
			return fmt.Errorf("the connection lives on after %s", time.Since(began))
		}
	}
	return b.late(began)
}

func (b bomb) late(began time.Time) error {
	if took := time.Since(began); took > b.within {
		return fmt.Errorf("it ended after %s, not within %s", took, b.within)
	}
	return nil
}

// read reads answers until the connection ends.
func (b bomb) read(c net.Conn, exact bool) error {
	_ = c.SetReadDeadline(time.Now().Add(b.within + 10*time.Second))
	lines := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(lines, nil)
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				return errors.New("it was never ended")
			}
			return nil // ended
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if b.status != 0 && exact && res.StatusCode != b.status || res.StatusCode >= 500 {
			return fmt.Errorf("answered %d", res.StatusCode)
		}
	}
}
