package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pack makes the chaincode package: the same bytes for every organisation, and so one
// package id, which names the sources that the processes were built from.
func (n *network) pack(sequence int) (file, id string, err error) {
	meta, err := json.Marshal(metadata{Type: packageType, Label: label(sequence)})
	if err != nil {
		return "", "", err
	}
	program, err := os.ReadFile(n.Chaincode)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(program)
	code, err := archive("chaincode.sha256", []byte(hex.EncodeToString(sum[:])+"\n"))
	if err != nil {
		return "", "", err
	}
	all, err := archive("metadata.json", meta, "code.tar.gz", code)
	if err != nil {
		return "", "", err
	}
	file = n.path("cfg", label(sequence)+".tgz")
	sum = sha256.Sum256(all)
	return file, label(sequence) + ":" + hex.EncodeToString(sum[:]), os.WriteFile(file, all, 0o600)
}

// archive packs names with their contents; no time and no owner makes it differ.
func archive(entries ...any) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	for i := 0; i < len(entries); i += 2 {
		name, content := entries[i].(string), entries[i+1].([]byte)
		if err := pack.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return nil, err
		}
		if _, err := pack.Write(content); err != nil {
			return nil, err
		}
	}
	if err := pack.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
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

// deploy installs a package, starts its processes and commits its definition.
func (n *network) deploy(ctx context.Context, sequence int) error {
	file, id, err := n.pack(sequence)
	if err != nil {
		return err
	}
	for o := 1; o <= organisation; o++ {
		if err := n.connect(o, sequence); err != nil {
			return err
		}
	}
	if err := together(organisation, func(o int) error {
		return n.tool(ctx, n.admin(o), "peer", "lifecycle", "chaincode", "install", file)
	}); err != nil {
		return err
	}
	n.log("installed")
	for o := 1; o <= organisation; o++ {
		p := n.service(o, sequence, id)
		p.Name += next
		if err := n.start(p); err != nil {
			return err
		}
		if err := n.ready(ctx, p); err != nil {
			return err
		}
	}
	if err := n.define(ctx, sequence, id); err != nil {
		return err
	}
	for o := 1; o <= organisation; o++ {
		if err := n.replace(n.service(o, sequence, id)); err != nil {
			return err
		}
	}
	n.log("committed")
	n.Sequence = sequence
	if err := n.save(); err != nil {
		return err
	}
	return n.reachable(ctx)
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

// connect writes what an organisation's peer needs to reach its own process.
func (n *network) connect(o, sequence int) error {
	text := map[string]any{
		"address": host(n.chaincodePort(o, sequence)), "dial_timeout": "10s",
		"tls_required": true, "client_auth_required": true,
	}
	for name, file := range map[string]string{
		"client_key": n.peerDir(o, "tls", "server.key"), "client_cert": n.peerDir(o, "tls", "server.crt"), "root_cert": n.peerCA(o),
	} {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text[name] = string(raw)
	}
	return writeJSON(n.connections(o)+"/"+label(sequence)+".json", text)
}

// define approves the definition for each organisation and commits it.
func (n *network) define(ctx context.Context, sequence int, id string) error {
	orderer := []string{"-o", host(n.ordererPort(1)), "--tls", "--cafile", n.ordererDir(1, "tls", "ca.crt")}
	members := make([]string, organisation)
	for i := range members {
		members[i] = "'" + mspOf(i+1) + ".peer'"
	}
	definition := append(orderer, "--channelID", channel, "--name", chaincode, "--version", strconv.Itoa(sequence),
		"--sequence", strconv.Itoa(sequence), "--signature-policy", "AND("+strings.Join(members, ",")+")")
	if err := together(organisation, func(o int) error {
		args := append([]string{"lifecycle", "chaincode", "approveformyorg", "--package-id", id}, definition...)
		return n.patiently(ctx, func() error { return n.tool(ctx, n.admin(o), "peer", args...) })
	}); err != nil {
		return err
	}
	n.log("approved")
	args := append([]string{"lifecycle", "chaincode", "commit"}, definition...)
	for o := 1; o <= organisation; o++ {
		args = append(args, "--peerAddresses", host(n.peerPort(o)), "--tlsRootCertFiles", n.peerCA(o))
	}
	return n.tool(ctx, n.admin(1), "peer", args...)
}

// patiently tries again while the orderers have not found their leader.
func (n *network) patiently(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := do()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
	}
}
