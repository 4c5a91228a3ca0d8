package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// reader is an anchorer that reads a shelf and has no ledger.
func reader(t *testing.T, s *shelf) *anchorer {
	t.Helper()
	policy, err := tlog.ParsePolicy(s.policy)
	must(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &anchorer{origin: origin, policy: policy, hub: newHub(server.URL)}
}

// show has the shelf publish another checkpoint than its own.
func (s *shelf) show(size int64, root tlog.Hash, by tlog.Signer, witnessed bool) {
	note, err := tlog.NewCheckpoint(by, size, root)
	must(s.t, err)
	if witnessed {
		line, err := tlog.Cosign(s.cosigner, note)
		must(s.t, err)
		note = append(note, line...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note = note
}

// TestCheckpointsThatAreNotAnchored: what no witness saw, what is another log's,
// what went back, and what contradicts the last anchor.
func TestCheckpointsThatAreNotAnchored(t *testing.T) {
	stranger, err := tlog.NewSigner("log.example/other", key(1))
	must(t, err)
	forger, err := tlog.NewSigner(origin, key(9))
	must(t, err)
	for _, tt := range []struct {
		it   string
		last int64 // anchored before, of the honest log
		lie  func(s *shelf)
		want error // nil: any
	}{
		{"it anchors no checkpoint without witnesses", 0, func(s *shelf) { s.show(3, s.edge.Root(), s.signer, false) }, tlog.ErrUnwitnessed},
		{"it anchors none that the log did not sign", 0, func(s *shelf) { s.show(3, s.edge.Root(), forger, true) }, tlog.ErrUnsigned},
		{"it anchors none of another log", 0, func(s *shelf) { s.show(3, s.edge.Root(), stranger, true) }, tlog.ErrUnsigned},
		{"it anchors none that is no checkpoint", 0, func(s *shelf) { s.note = []byte("x") }, tlog.ErrCheckpoint},
		{"it anchors none of a log that went back", 3, func(s *shelf) { s.show(2, tlog.Hash{1}, s.signer, true) }, nil},
		{"it names a fork of the same size", 3, func(s *shelf) { s.show(3, tlog.Hash{1}, s.signer, true) }, errFork},
		{"it anchors none whose tiles are not its own", 2, func(s *shelf) { s.show(3, tlog.Hash{1}, s.signer, true) }, nil},
		{"it names a fork of a greater size", 2, func(s *shelf) { forked(s) }, errFork},
	} {
		t.Run(tt.it, func(t *testing.T) {
			s := newShelf(t)
			var p pending
			for n := range byte(3) {
				s.grow(n)
				if s.edge.Size() == tt.last {
					p.LastSize, p.LastRoot = tt.last, s.edge.Root()
				}
			}
			a := reader(t, s)
			if c, err := a.checkpoint(t.Context(), p); err != nil || c.Size != 3 {
				t.Fatalf("the honest log: %v", err)
			}
			tt.lie(s)
			if _, err := a.checkpoint(t.Context(), p); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// forked replaces the log by another of a greater size, whole in itself.
func forked(s *shelf) {
	s.edge, s.tiles = tlog.Edge{}, map[string][]byte{}
	for n := range byte(5) {
		s.grow(100 + n)
	}
}

// TestCheckAddress: a hub is at an address alone, by https or on this computer.
func TestCheckAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://hub.example": true, "https://hub.example:8443/": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:1": true,
		"": false, "hub.example": false, "http://hub.example": false, "ftp://localhost": false, "https://hub.example/log": false, "https://a:b@hub.example": false, "https://hub.example?x": false,
	} {
		if err := checkAddress(address); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "--hub") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestForkOfAHubThatRefuses: a hub whose log was set back refuses the proof that
// says so, and the anchorer stops all the same.
func TestForkOfAHubThatRefuses(t *testing.T) {
	s := newShelf(t)
	s.grow(0)
	s.grow(1)
	root := s.edge.Root()
	s.grow(2)
	a := reader(t, s)
	if err := a.hand(t.Context(), endorsement.Proof{}, 2, root); err == nil || errors.Is(err, errFork) {
		t.Errorf("the honest log: %v", err)
	}
	forked(s)
	if err := a.hand(t.Context(), endorsement.Proof{}, 2, root); !errors.Is(err, errFork) {
		t.Errorf("it goes on: %v", err)
	}
}

// TestHubThatLies: what a hub answers is bounded, and another status is no file.
func TestHubThatLies(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) },
		"another address": func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"nothing":         func(http.ResponseWriter, *http.Request) {},
		"without end": func(w http.ResponseWriter, _ *http.Request) {
			for range 20 {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
	} {
		server := httptest.NewServer(answer)
		s := newShelf(t)
		a := reader(t, s)
		a.hub = newHub(server.URL)
		if _, err := a.checkpoint(t.Context(), pending{}); err == nil {
			t.Errorf("it takes %s", name)
		}
		server.Close()
	}
}

// FuzzCheckpoint: whatever a hub shows, nothing is anchored that a witness did
// not cosign.
func FuzzCheckpoint(f *testing.F) {
	s := newShelf(f)
	s.grow(1)
	good := s.note
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), "\n1\n", "\n2\n", 1)))
	f.Add([]byte(origin + "\n1\nAAAA\n\n"))
	policy, err := tlog.ParsePolicy(s.policy)
	must(f, err)
	server := httptest.NewServer(s)
	f.Cleanup(server.Close)
	a := &anchorer{origin: origin, policy: policy, hub: newHub(server.URL)}
	root := s.edge.Root()
	f.Fuzz(func(t *testing.T, note []byte) {
		s.mu.Lock()
		s.note = note
		s.mu.Unlock()
		if c, err := a.checkpoint(t.Context(), pending{}); err == nil && (c.Size != 1 || c.Root != root || len(c.Witnesses) != 1) {
			t.Errorf("it takes %q", note)
		}
	})
}

// FuzzState: a state file is read, or refused; a transaction under way names its
// bytes.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"schema_version":"mydata-sdkanchor/1","size":3,"root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","tx_id":"a","last_size":2}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, text []byte) {
		box := outbox{file: filepath.Join(t.TempDir(), "pending.json")}
		if err := os.WriteFile(box.file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := box.load(); err == nil && p.Schema != schema {
			t.Errorf("it takes %q", text)
		}
	})
}

// FuzzConnection: a connection file is read, or refused.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(`{"channel":"anchors","chaincode":"anchor","msp":"Org1MSP","peer":"127.0.0.1:7051","organisations":[]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "connection.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := readConnection(file); err == nil && (c.Channel == "" || c.MSP == "") {
			t.Errorf("it takes %q", text)
		}
	})
}

// TestHubThatSendsOn: a hub is asked at its address and leads nowhere else.
func TestHubThatSendsOn(t *testing.T) {
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it goes where a hub sends it") }))
	defer inner.Close()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		server := httptest.NewServer(http.RedirectHandler(inner.URL, status))
		defer server.Close()
		if _, err := newHub(server.URL).get(t.Context(), "/log/checkpoint"); err == nil {
			t.Error("it reads what a hub sends it to")
		}
		if err := newHub(server.URL).take(t.Context(), endorsement.Proof{}); err == nil {
			t.Error("it hands over where a hub sends it")
		}
	}
}
