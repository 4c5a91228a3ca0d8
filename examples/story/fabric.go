package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ledgerWait is how long a network may take to build its commands, the first time.
const ledgerWait = 10 * time.Minute

// startLedger starts a Fabric network of two organisations, if one is wanted: its
// administrators vote the first one's user the operator of our log. It comes
// first, so that the hub can be told whose word on anchors counts.
func (s *stage) startLedger(ctx context.Context) error {
	if s.network == "" {
		return nil
	}
	key, err := os.ReadFile(s.path("keys", "log.vkey"))
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(string(key), "+")
	began := s.now()
	c, err := s.startHeld(service{name: "fabric"}, s.network, "hold", "--keep", "-v", "--dir", s.path("fabric"), "--origin", origin, "--log-key", s.path("keys", "log.vkey"))
	if err != nil {
		return err
	}
	if err := c.told(ctx, s.path("fabric", "network.json"), began); err != nil {
		return err
	}
	return s.idpCommand(ctx, "anchor", "trust", "--connection", s.connection(), "--out", s.path("fabric-trust"))
}

// connection is the anchorer's: who writes, and a peer of each organisation.
func (s *stage) connection() string { return s.path("fabric", "connection.json") }

// told waits until a file is written anew, which says that a child is ready.
func (c *child) told(ctx context.Context, file string, began time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerWait)
	defer cancel()
	for {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(began) {
			return nil
		}
		select {
		case <-c.ended:
			return c.explain("stopped while starting")
		case <-ctx.Done():
			return c.explain("does not get ready")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// hubTrust is the hub's flag for anchors.
func (s *stage) hubTrust() []string {
	if s.network == "" {
		return nil
	}
	return []string{"--fabric-trust", s.path("fabric-trust")}
}

// startAnchorer starts the one process that talks to the network.
func (s *stage) startAnchorer(context.Context) error {
	if s.network == "" {
		return nil
	}
	_, err := s.start(service{name: "anchorer"}, "idp", "anchor", "serve", "--data", s.data, "--hub", s.idp.url(), "--trust", s.path("trust"),
		"--fabric", s.path("fabric-trust"), "--connection", s.connection(), "--interval", "10s")
	return err
}

// anchors is the guide's paragraph on them.
func (s *stage) anchors(out io.Writer) {
	if s.network == "" {
		return
	}
	idp := filepath.Join(s.bin, "idp")
	fmt.Fprintf(out, `
Checkpoints go to a Hyperledger Fabric network of two organisations every 10 s:

     %s anchor status --data %s
     %s receipt verify FILE --trust %s --fabric %s

`, idp, s.data, idp, s.path("trust"), s.path("fabric-trust"))
}
