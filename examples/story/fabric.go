package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// trial is what `network hold` says of its network (fabric/network).
type trial struct {
	Channel       string         `json:"channel"`
	Chaincode     string         `json:"chaincode"`
	Organisations []organisation `json:"organisations"`
}

type organisation struct {
	MSP   string `json:"msp"`
	Peer  string `json:"peer"`
	TLSCA string `json:"tls_ca"`
	User  struct {
		Cert string `json:"cert"`
		Key  string `json:"key"`
	} `json:"user"`
}

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
	c, err := s.startHeld(service{name: "fabric"}, s.network, "hold", "--keep", "-v", "--dir", s.path("fabric"), "--origin", origin)
	if err != nil {
		return err
	}
	net, err := c.told(ctx, s.path("fabric", "network.json"), began)
	if err != nil {
		return err
	}
	if err := writeJSON(s.path("fabric-connection.json"), net.connection(), 0o600); err != nil {
		return err
	}
	_, err = s.command(ctx, "anchor", "trust", "--connection", s.path("fabric-connection.json"), "--out", s.path("fabric-trust"), "--data", s.data)
	return err
}

// told waits until the network is whole, which its file says when it is new.
func (c *child) told(ctx context.Context, file string, began time.Time) (net trial, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerWait)
	defer cancel()
	for {
		if info, err := os.Stat(file); err == nil && !info.ModTime().Before(began.Truncate(time.Second)) {
			text, err := os.ReadFile(file)
			if err != nil {
				return net, err
			}
			if err := json.Unmarshal(text, &net); err != nil || len(net.Organisations) == 0 {
				return net, fmt.Errorf("%s: no network: %w", file, err)
			}
			return net, nil
		}
		select {
		case <-c.ended:
			return net, c.explain("stopped while starting")
		case <-ctx.Done():
			return net, c.explain("does not get ready")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// connection is the anchorer's: who writes, and a peer of each organisation.
func (t trial) connection() any {
	first := t.Organisations[0]
	peers := make([]map[string]string, len(t.Organisations))
	for i, o := range t.Organisations {
		peers[i] = map[string]string{"msp": o.MSP, "peer": o.Peer, "tls_ca": o.TLSCA}
	}
	return map[string]any{
		"channel": t.Channel, "chaincode": t.Chaincode, "msp": first.MSP, "peer": first.Peer, "tls_ca": first.TLSCA,
		"cert": first.User.Cert, "key": first.User.Key, "organisations": peers,
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
		"--fabric", s.path("fabric-trust"), "--connection", s.path("fabric-connection.json"), "--interval", "10s")
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
