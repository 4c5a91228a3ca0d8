package limit

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Connections bounds how many connections a listener has open. One address has
// a share of them; when there are too many in all, the one that has waited
// longest without a complete request makes room, so that connections that only
// wait keep nobody out.
type Connections struct {
	All, Each int
	Proxies   []netip.Prefix // many people behind each: no share

	mu      sync.Mutex
	open    map[string]int
	all     int
	waiting list.List // *conn, oldest first
}

// Listen bounds a listener. State must be the server's ConnState.
func (c *Connections) Listen(l net.Listener) net.Listener { return &listener{l, c} }

type listener struct {
	net.Listener
	c *Connections
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	c       *Connections
	from    string
	waiting *list.Element // in c.waiting
	done    bool
}

// Accept gives connections that there is room for; others are ended at once.
func (l *listener) Accept() (net.Conn, error) {
	for {
		plain, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if counted := l.c.add(plain); counted != nil {
			return counted, nil
		}
		refuse(plain)
	}
}

// refuse ends a connection without the goodbye that would keep its port.
func refuse(plain net.Conn) {
	if tcp, ok := plain.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it ends either way
	}
	_ = plain.Close()
}

func (c *Connections) add(plain net.Conn) *conn {
	at := peer(plain.RemoteAddr().String())
	from := Network(at)
	c.mu.Lock()
	if c.open == nil {
		c.open = map[string]int{}
	}
	if at.IsValid() && !within(c.Proxies, at) && c.open[from] >= c.Each {
		c.mu.Unlock()
		return nil
	}
	var victim *conn
	if c.all >= c.All {
		oldest := c.waiting.Front()
		if oldest == nil {
			c.mu.Unlock()
			return nil
		}
		victim = oldest.Value.(*conn)
		victim.forget()
	}
	n := &conn{Conn: plain, c: c, from: from}
	n.waiting = c.waiting.PushBack(n)
	c.open[from]++
	c.all++
	c.mu.Unlock()
	if victim != nil {
		refuse(victim.Conn)
	}
	return n
}

// forget takes a connection out of the count, once; c.mu is held.
func (n *conn) forget() {
	if n.done {
		return
	}
	n.done = true
	n.rest()
	n.c.all--
	if n.c.open[n.from]--; n.c.open[n.from] == 0 {
		delete(n.c.open, n.from)
	}
}

// rest takes it out of those that wait; c.mu is held.
func (n *conn) rest() {
	if n.waiting != nil {
		n.c.waiting.Remove(n.waiting)
		n.waiting = nil
	}
}

// Close ends it.
func (n *conn) Close() error {
	n.c.mu.Lock()
	n.forget()
	n.c.mu.Unlock()
	return n.Conn.Close()
}

// CloseWrite lets a server's last word be heard: what it left unread would else
// take the answer away with the connection (net/http asks for it by this name).
func (n *conn) CloseWrite() error {
	if half, ok := n.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// State hears of the server's connections (http.Server.ConnState): one with a
// request under way does not wait.
func (c *Connections) State(plain net.Conn, state http.ConnState) {
	if secured, ok := plain.(*tls.Conn); ok {
		plain = secured.NetConn()
	}
	n, ok := plain.(*conn)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateActive:
		n.rest()
	case http.StateIdle:
		if n.waiting == nil && !n.done {
			n.waiting = c.waiting.PushBack(n)
		}
	}
}
