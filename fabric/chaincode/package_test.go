package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// written makes a key with a certificate of its own, as files.
func written(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func unpack(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for files := tar.NewReader(zip); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		if found[head.Name], err = io.ReadAll(files); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPackage(t *testing.T) {
	dir := t.TempDir()
	cert, key := written(t, dir, "peer")
	root, otherKey := written(t, dir, "root")
	file := filepath.Join(dir, "anchor.tgz")
	good := map[string]string{"label": "anchor_1", "address": "chaincode.example:9999", "client-cert": cert, "client-key": key, "root-cert": root, "out": file}
	arguments := func(name, value string) (args []string) {
		for flag, usual := range good {
			if flag == name {
				usual = value
			}
			args = append(args, "--"+flag, usual)
		}
		return args
	}
	if err := os.WriteFile(file, []byte("from before, for everybody"), 0o644); err != nil {
		t.Fatal(err)
	}
	var ids [2]bytes.Buffer
	for i := range ids {
		if err := runPackage(arguments("", ""), &ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	if want := "anchor_1:" + hex.EncodeToString(sum[:]) + "\n"; ids[0].String() != want || ids[1].String() != want {
		t.Errorf("ids %s, %s, want %s", &ids[0], &ids[1], want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the package has mode %v", info.Mode())
	}
	outer := unpack(t, raw)
	if got := string(outer["metadata.json"]); got != `{"type":"ccaas","label":"anchor_1"}` {
		t.Errorf("metadata %s", got)
	}
	var c connection
	if err := json.Unmarshal(unpack(t, outer["code.tar.gz"])["connection.json"], &c); err != nil || !c.TLSRequired || !c.ClientAuthRequired ||
		c.Address != "chaincode.example:9999" || !strings.Contains(c.ClientKey, "PRIVATE KEY") || c.ClientCert == c.RootCert {
		t.Errorf("connection %+v: %v", c, err)
	}
	for _, test := range []struct{ name, flag, value string }{
		{"it needs a label", "label", ""},
		{"it refuses a label that Fabric refuses", "label", "_anchor/1"},
		{"it needs an address", "address", ""},
		{"it refuses an address without a port", "address", "chaincode.example"},
		{"it refuses an address without a host", "address", ":9999"},
		{"it needs a file", "out", ""},
		{"it needs a certificate", "client-cert", filepath.Join(dir, "none")},
		{"it refuses a key of another certificate", "client-key", otherKey},
		{"it refuses an authority that is no certificate", "root-cert", key},
		{"it refuses an authority that is no PEM", "root-cert", file},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := runPackage(arguments(test.flag, test.value), io.Discard); err == nil || !strings.Contains(err.Error(), "--"+test.flag) {
				t.Errorf("it makes a package, or does not say why not: %v", err)
			}
		})
	}
}

func TestOperatorCommand(t *testing.T) {
	dir := t.TempDir()
	one, key := written(t, dir, "one")
	two, _ := written(t, dir, "two")
	var outs [2]bytes.Buffer
	for i, files := range [][]string{{one, two}, {two, one}} {
		if err := runOperator(append([]string{"--msp", "Org1MSP"}, files...), &outs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := parseOperator(strings.TrimSuffix(outs[0].String(), "\n")); err != nil || outs[0].String() != outs[1].String() {
		t.Errorf("it prints %s, %s: %v", &outs[0], &outs[1], err)
	}
	for name, args := range map[string][]string{
		"it needs an organisation":       {one},
		"it needs a certificate":         {"--msp", "Org1MSP"},
		"it refuses the same one twice":  {"--msp", "Org1MSP", one, one},
		"it refuses a key":               {"--msp", "Org1MSP", key},
		"it refuses a file that is none": {"--msp", "Org1MSP", filepath.Join(dir, "none")},
	} {
		if err := runOperator(args, io.Discard); err == nil {
			t.Error(name)
		}
	}
	if err := run([]string{"delete"}); err == nil {
		t.Error("it knows a command that is none")
	}
}
