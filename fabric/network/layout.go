package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

const (
	channel      = "anchors"
	chaincode    = "anchor"
	ordererMSP   = "OrdererMSP"
	portsEach    = 40 // of one network
	organisation = 2  // how many
)

// network is one network in its folder; DIR/state.json keeps what is not derived.
type network struct {
	Dir          string `json:"dir"`
	Base         int    `json:"base"`
	Orderers     int    `json:"orderers"`
	BatchTimeout string `json:"batch_timeout"`
	Sequence     int    `json:"sequence"` // of the chaincode's definition
	Fabric       string `json:"fabric"`   // folder of Fabric's commands
	Chaincode    string `json:"chaincode"`
	log          func(format string, args ...any)
}

func (n *network) path(parts ...string) string {
	return filepath.Join(append([]string{n.Dir}, parts...)...)
}

func (n *network) ordererPort(i int) int { return n.Base + 3*i }       // then admin, operations
func (n *network) peerPort(o int) int    { return n.Base + 10*o + 10 } // then chaincode, operations

// chaincodePort alternates, so that an upgrade starts the next before the last ends.
func (n *network) chaincodePort(o, sequence int) int { return n.Base + 10*o + 15 + sequence%2 }

func host(port int) string   { return "localhost:" + strconv.Itoa(port) }
func listen(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func mspOf(o int) string    { return fmt.Sprintf("Org%dMSP", o) }
func domainOf(o int) string { return fmt.Sprintf("org%d.test", o) }

func (n *network) orgDir(o int, parts ...string) string {
	return n.path(append([]string{"crypto", "peerOrganizations", domainOf(o)}, parts...)...)
}

func (n *network) peerDir(o int, parts ...string) string {
	return n.orgDir(o, append([]string{"peers", "peer0." + domainOf(o)}, parts...)...)
}

func (n *network) peerCA(o int) string { return n.peerDir(o, "tls", "ca.crt") }

func (n *network) ordererDir(i int, parts ...string) string {
	name := fmt.Sprintf("o%d.ord.test", i)
	return n.path(append([]string{"crypto", "ordererOrganizations", "ord.test", "orderers", name}, parts...)...)
}

func (n *network) ordererAdmin() pair {
	return n.user(n.path("crypto", "ordererOrganizations", "ord.test"), "Admin@ord.test")
}

type pair struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

func (n *network) user(dir, name string) pair {
	msp := filepath.Join(dir, "users", name, "msp")
	return pair{filepath.Join(msp, "signcerts", name+"-cert.pem"), filepath.Join(msp, "keystore", "priv_sk")}
}

func (n *network) identity(o int, as string) (pair, error) {
	switch as {
	case "admin":
		return n.user(n.orgDir(o), "Admin@"+domainOf(o)), nil
	case "user":
		return n.user(n.orgDir(o), "User1@"+domainOf(o)), nil
	}
	return pair{}, fmt.Errorf("%q is neither admin nor user", as)
}

func (n *network) names() []string {
	var names []string
	for i := 1; i <= n.Orderers; i++ {
		names = append(names, "orderer"+strconv.Itoa(i))
	}
	for _, kind := range []string{"peer", "chaincode"} {
		for o := 1; o <= organisation; o++ {
			names = append(names, kind+strconv.Itoa(o))
		}
	}
	return names
}

// description is what others read: DIR/network.json and the line that up prints.
type description struct {
	Dir           string        `json:"dir"`
	Channel       string        `json:"channel"`
	Chaincode     string        `json:"chaincode"`
	Organisations []member      `json:"organisations"`
	Orderers      []ordererNode `json:"orderers"`
}

type member struct {
	MSP   string `json:"msp"`
	Peer  string `json:"peer"`
	TLSCA string `json:"tls_ca"`
	Admin pair   `json:"admin"`
	User  pair   `json:"user"`
}

type ordererNode struct {
	Address string `json:"address"`
	TLSCA   string `json:"tls_ca"`
}

func (n *network) describe() description {
	d := description{Dir: n.Dir, Channel: channel, Chaincode: chaincode}
	for o := 1; o <= organisation; o++ {
		admin, _ := n.identity(o, "admin")
		user, _ := n.identity(o, "user")
		d.Organisations = append(d.Organisations, member{mspOf(o), host(n.peerPort(o)), n.peerCA(o), admin, user})
	}
	for i := 1; i <= n.Orderers; i++ {
		d.Orderers = append(d.Orderers, ordererNode{host(n.ordererPort(i)), n.ordererDir(i, "tls", "ca.crt")})
	}
	return d
}

// connection is the anchorer's: DIR/connection.json, for the operator of --origin.
type connection struct {
	Channel       string   `json:"channel"`
	Chaincode     string   `json:"chaincode"`
	MSP           string   `json:"msp"`
	Peer          string   `json:"peer"`
	TLSCA         string   `json:"tls_ca"`
	Cert          string   `json:"cert"`
	Key           string   `json:"key"`
	Organisations []target `json:"organisations"`
}

type target struct {
	MSP   string `json:"msp"`
	Peer  string `json:"peer"`
	TLSCA string `json:"tls_ca"`
}

func (n *network) connection() connection {
	all := n.describe().Organisations
	c := connection{channel, chaincode, all[0].MSP, all[0].Peer, all[0].TLSCA, all[0].User.Cert, all[0].User.Key, nil}
	for _, m := range all {
		c.Organisations = append(c.Organisations, target{m.MSP, m.Peer, m.TLSCA})
	}
	return c
}

func load(dir string) (*network, error) {
	if dir == "" {
		return nil, errors.New("--dir is missing")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return nil, fmt.Errorf("no network in %s: %w", dir, err)
	}
	n := &network{log: quiet}
	if err := json.Unmarshal(raw, n); err != nil {
		return nil, err
	}
	n.Dir = dir
	return n, nil
}

func quiet(string, ...any) {}

func (n *network) save() error { return writeJSON(n.path("state.json"), n) }

func writeJSON(path string, value any) error {
	raw, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}

// freeBase finds ports below those that the system hands out by itself, and those of
// deployments under test (conformance/stage).
func freeBase() (int, error) {
	for range 100 {
		base := 10000 + rand.IntN(250)*portsEach //nolint:gosec // a port is no secret
		if free(base) {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row", portsEach)
}

func free(base int) bool {
	for port := base; port < base+portsEach; port++ {
		l, err := net.Listen("tcp", listen(port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
