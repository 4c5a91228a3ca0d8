package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameserver answers each question for an IPv4 address by the next of its lists
// of addresses, over TCP, and every other question by nothing.
type nameserver struct {
	net.Listener
	answers [][]string
	asked   atomic.Int32
}

// resolveBy has the process ask a nameserver of ours until the test is over.
func resolveBy(t *testing.T, answers ...[]string) *nameserver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &nameserver{Listener: l, answers: answers}
	was := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = was; _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.serve(c)
		}
	}()
	return n
}

func (n *nameserver) serve(c net.Conn) {
	defer c.Close()
	for {
		var size uint16
		if binary.Read(c, binary.BigEndian, &size) != nil {
			return
		}
		question := make([]byte, size)
		var message dnsmessage.Message
		if binary.Read(c, binary.BigEndian, question) != nil || message.Unpack(question) != nil || len(message.Questions) != 1 {
			return
		}
		message.Header = dnsmessage.Header{ID: message.ID, Response: true, Authoritative: true, RecursionAvailable: true}
		message.Additionals = nil
		if q := message.Questions[0]; q.Type == dnsmessage.TypeA {
			at := min(int(n.asked.Add(1)), len(n.answers)) - 1
			for _, ip := range n.answers[at] {
				message.Answers = append(message.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()},
				})
			}
		}
		answer, err := message.Pack()
		if err != nil {
			return
		}
		_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	}
}

// A name that led to the Internet when it was looked at leads to this machine when
// it is dialled: what counts is the address that is dialled.
//
//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestRebinding(t *testing.T) {
	h := newHost(t, httptest.NewTLSServer)
	address := strings.Replace(h.URL, "127.0.0.1", "rebound.example", 1)
	for _, c := range []struct {
		name string
		then []string
	}{
		{"it does not follow a name to this machine", []string{"127.0.0.1"}},
		{"it does not follow a name to a private network", []string{"10.0.0.1"}},
		{"it does not follow a name to several forbidden places", []string{"169.254.169.254", "127.0.0.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := resolveBy(t, []string{"93.184.215.14"}, c.then)
			if looked, err := net.DefaultResolver.LookupHost(t.Context(), "rebound.example"); err != nil || looked[0] != "93.184.215.14" {
				t.Fatalf("the stage does not stand: %v, %v", looked, err)
			}
			if _, err := new(Client).Get(t.Context(), address, Want{Limit: limit}); !errors.Is(err, ErrAddress) {
				t.Errorf("got %v", err)
			}
			if names.asked.Load() != 2 || h.asked.Load() != 0 {
				t.Errorf("the name was asked for %d times, the server %d times", names.asked.Load(), h.asked.Load())
			}
		})
	}
}

// TestMain names a proxy that is not there before anybody asks: Go reads its
// environment once.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// A proxy would dial for us, where it likes, and our guard would judge the proxy.
func TestNoProxy(t *testing.T) {
	if u, err := http.ProxyFromEnvironment(httptest.NewRequest(http.MethodGet, "https://10.0.0.1/", nil)); err != nil || u == nil {
		t.Fatalf("the stage does not stand: %v, %v", u, err)
	}
	if _, err := (&Client{Loopback: true}).Get(t.Context(), "https://10.0.0.1/", Want{Limit: limit}); !errors.Is(err, ErrAddress) {
		t.Errorf("it asks a proxy: %v", err)
	}
}
