package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pack makes an organisation's package, which tells its peer alone about its own
// process, and answers the package's id.
func (n *network) pack(ctx context.Context, o, sequence int) (file, id string, err error) {
	file = n.path("cfg", label(sequence)+"."+mspOf(o)+".tgz")
	cmd := exec.CommandContext(ctx, n.Chaincode, "package", "--label", label(sequence), //nolint:gosec // our own command
		"--address", host(n.chaincodePort(o, sequence)), "--client-cert", n.peerDir(o, "tls", "server.crt"),
		"--client-key", n.peerDir(o, "tls", "server.key"), "--root-cert", n.peerCA(o), "--out", file)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("chaincode package: %w\n%s", err, complaint.String())
	}
	return file, strings.TrimSpace(string(out)), nil
}

func (n *network) firstChaincode(ctx context.Context) error {
	for o := 1; o <= organisation; o++ {
		ca, err := openAuthority(n.orgDir(o, "tlsca"))
		if err != nil {
			return err
		}
		if _, err := ca.issue(n.path("tls"), "chaincode"+strconv.Itoa(o), x509.Certificate{
			Subject:     pkix.Name{CommonName: "chaincode." + domainOf(o)},
			DNSNames:    []string{"localhost"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}); err != nil {
			return err
		}
	}
	return n.deploy(ctx, 1)
}

func (n *network) upgrade(ctx context.Context) error { return n.deploy(ctx, n.Sequence+1) }

// deploy installs the packages, starts their processes and commits the definition. What
// broke off is deployed again by the same steps: each lets stand what is done.
func (n *network) deploy(ctx context.Context, sequence int) error {
	ids, err := n.install(ctx, sequence)
	if err != nil {
		return err
	}
	n.log("installed")
	if err := n.startNext(ctx, sequence, ids); err != nil {
		return err
	}
	if err := n.approve(ctx, sequence, ids); err != nil {
		return err
	}
	n.log("approved")
	if err := n.commit(ctx, sequence); err != nil {
		return err
	}
	n.log("committed")
	for o, id := range ids {
		if p := n.service(o+1, sequence, id); !n.serves(p) {
			if err := n.replace(p); err != nil {
				return err
			}
		}
	}
	n.Sequence = sequence
	if err := n.save(); err != nil {
		return err
	}
	return n.reachable(ctx)
}

// install answers the ids of the packages, which are the same each time.
func (n *network) install(ctx context.Context, sequence int) ([]string, error) {
	ids := make([]string, organisation)
	return ids, together(organisation, func(o int) error {
		file, id, err := n.pack(ctx, o, sequence)
		if err != nil {
			return err
		}
		ids[o-1] = id
		return done(n.tool(ctx, n.admin(o), "peer", "lifecycle", "chaincode", "install", file), "already successfully installed (package ID '"+id+"')")
	})
}

// startNext starts the processes of a sequence beside those of the one before.
func (n *network) startNext(ctx context.Context, sequence int, ids []string) error {
	for o, id := range ids {
		p := n.service(o+1, sequence, id)
		if n.serves(p) {
			continue
		}
		p.Name += next
		if n.running(p.Name) == 0 {
			if err := n.start(p); err != nil {
				return err
			}
		}
		if err := n.ready(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// serves says whether a process has its place already, and runs.
func (n *network) serves(p process) bool {
	raw, err := os.ReadFile(n.path("process", p.Name+".json"))
	var there process
	return err == nil && json.Unmarshal(raw, &there) == nil && slices.Equal(there.Env, p.Env) && n.running(p.Name) != 0
}

// done takes Fabric's complaint that something was done before for what it is.
func done(err error, words ...string) error {
	for _, w := range words {
		if err != nil && strings.HasSuffix(err.Error(), w) {
			return nil
		}
	}
	return err
}

const next = ".next" // names the process that will take another's place

// replace ends a process and gives its name to the one that was started as the next. A
// process keeps the folder it stands in when that is renamed.
func (n *network) replace(p process) error {
	if err := n.end(p.Name, syscall.SIGTERM); err != nil {
		return err
	}
	if err := os.RemoveAll(n.path("run", p.Name)); err != nil {
		return err
	}
	for _, kind := range []string{"run", "pid"} {
		if err := os.Rename(n.path(kind, p.Name+next), n.path(kind, p.Name)); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(n.path("process", p.Name+next+".json")), writeJSON(n.path("process", p.Name+".json"), p))
}

// definition is what all organisations approve, and one commits.
func (n *network) definition(sequence int) []string {
	members := make([]string, organisation)
	for i := range members {
		members[i] = "'" + mspOf(i+1) + ".peer'"
	}
	return []string{"-o", host(n.ordererPort(1)), "--tls", "--cafile", n.ordererDir(1, "tls", "ca.crt"), "--channelID", channel, "--name", chaincode, "--version", strconv.Itoa(sequence),
		"--sequence", strconv.Itoa(sequence), "--signature-policy", "AND(" + strings.Join(members, ",") + ")"}
}

func (n *network) approve(ctx context.Context, sequence int, ids []string) error {
	return together(organisation, func(o int) error {
		args := append([]string{"lifecycle", "chaincode", "approveformyorg", "--package-id", ids[o-1]}, n.definition(sequence)...)
		return n.patiently(ctx, func() error {
			return done(n.tool(ctx, n.admin(o), "peer", args...), fmt.Sprintf("uncommitted sequence (%d) for namespace %s with unchanged content", sequence, chaincode),
				fmt.Sprintf("committed sequence (%d) for namespace %s", sequence, chaincode))
		})
	})
}

func (n *network) commit(ctx context.Context, sequence int) error {
	args := append([]string{"lifecycle", "chaincode", "commit"}, n.definition(sequence)...)
	for o := 1; o <= organisation; o++ {
		args = append(args, "--peerAddresses", host(n.peerPort(o)), "--tlsRootCertFiles", n.peerCA(o))
	}
	return done(n.tool(ctx, n.admin(1), "peer", args...), fmt.Sprintf("new definition must be sequence %d", sequence+1))
}

// patiently tries again while the orderers have not found their leader.
func (n *network) patiently(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := do()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}
