package crash

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A wire lies between the hub and PostgreSQL and breaks when a transaction of a
// kind that has not been broken yet in this step is to be committed: before the
// COMMIT arrives (lost), or after it was carried out (kept, and called lost).
// It reads as much of the protocol (PostgreSQL 17, 53.7) as that takes.
type wire struct {
	target string // socket of the server

	mu     sync.Mutex
	step   string
	on     bool
	kept   bool
	broken map[fault]bool
}

// A fault is one COMMIT that broke.
type fault struct {
	step, kind string
	kept       bool
}

// newWire listens in a folder of its own; the answer is the address to give to
// the hub.
func newWire(t *testing.T, database string) (*wire, string) {
	t.Helper()
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("/tmp", "mydata-wire-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	const socket = ".s.PGSQL.5432"
	query := address.Query()
	w := &wire{target: filepath.Join(query.Get("host"), socket), broken: map[fault]bool{}}
	query.Set("host", folder)
	address.RawQuery = query.Encode()
	listener, err := net.Listen("unix", filepath.Join(folder, socket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w, address.String()
}

// begin a step, with the wire breaking in this way.
func (w *wire) begin(step string, kept bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step, w.kept, w.on = step, kept, true
}

// mend the wire for good.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on = false
}

// breaks decides over one COMMIT.
func (w *wire) breaks(kind string) (broken, kept bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := fault{w.step, kind, w.kept}
	if kind == "" || !w.on || w.broken[f] {
		return false, false
	}
	w.broken[f] = true
	return true, w.kept
}

// faults are the kinds of transactions that broke in each way, but for those
// that found everything done.
func (w *wire) faults() (lost, kept []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f := range w.broken {
		kinds := &lost
		if f.kept {
			kinds = &kept
		}
		if f.kind != "INSERT commits" && !slices.Contains(*kinds, f.kind) {
			*kinds = append(*kinds, f.kind)
		}
	}
	slices.Sort(lost)
	return lost, kept
}

func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.broken)
}

// carry one connection.
func (w *wire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", w.target)
	if err != nil {
		return
	}
	defer server.Close()
	if start, err := message(client, false); err != nil || send(server, start) != nil {
		return
	}
	l := &line{wire: w, client: client, server: server, prepared: map[string]string{}, done: make(chan struct{})}
	go l.back()
	l.forth()
}

// A line is a connection that was begun.
type line struct {
	*wire
	client, server net.Conn
	prepared       map[string]string // statements by name
	written        []string          // what the transaction under way writes

	silence sync.Mutex
	silent  bool
	done    chan struct{} // closed when the server is ready after the silence began
}

func (l *line) forth() {
	for {
		m, err := message(l.client, true)
		if err != nil {
			return
		}
		if l.read(m) {
			return
		}
		if send(l.server, m) != nil {
			return
		}
	}
}

// read follows a transaction, and says whether the line broke at its end.
func (l *line) read(m []byte) bool {
	words := strings.Split(string(m[5:]), "\x00")
	switch m[0] {
	case 'P': // Parse: name, query
		l.prepared[words[0]] = words[1]
	case 'B': // Bind: portal, name
		l.note(l.prepared[words[1]])
	case 'Q':
		if strings.HasPrefix(strings.ToLower(words[0]), "commit") {
			return l.commit(m)
		}
		l.note(words[0])
	}
	return false
}

func (l *line) commit(m []byte) bool {
	broken, kept := l.breaks(strings.Join(l.written, ", "))
	if broken && kept {
		l.silence.Lock()
		l.silent = true
		l.silence.Unlock()
		if send(l.server, m) == nil {
			<-l.done
		}
	}
	return broken
}

// note what a statement writes, as "INSERT INTO commits".
func (l *line) note(query string) {
	words := strings.Fields(query)
	if len(words) > 0 && strings.EqualFold(words[0], "begin") {
		l.written = nil
	}
	if len(words) < 3 {
		return
	}
	kind := ""
	switch strings.ToUpper(words[0]) {
	case "INSERT", "DELETE":
		kind = strings.ToUpper(words[0]) + " " + words[2]
	case "UPDATE":
		kind = "UPDATE " + words[1]
	}
	if kind != "" && !slices.Contains(l.written, kind) {
		l.written = append(l.written, kind)
	}
}

func (l *line) back() {
	defer close(l.done)
	defer l.client.Close()
	for {
		m, err := message(l.server, true)
		if err != nil {
			return
		}
		l.silence.Lock()
		silent := l.silent
		l.silence.Unlock()
		switch {
		case silent && m[0] == 'Z': // ReadyForQuery
			return
		case !silent && send(l.client, m) != nil:
			return
		}
	}
}

// message reads one message, with its type but for the first.
func message(from io.Reader, typed bool) ([]byte, error) {
	head := 4
	if typed {
		head = 5
	}
	m := make([]byte, head)
	if _, err := io.ReadFull(from, m); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(m[head-4:])) - 4
	if n < 0 || n > 1<<24 {
		return nil, errors.New("no message of PostgreSQL")
	}
	m = append(m, make([]byte, n)...)
	_, err := io.ReadFull(from, m[head:])
	return m, err
}

func send(to io.Writer, m []byte) error {
	_, err := to.Write(m)
	return err
}
