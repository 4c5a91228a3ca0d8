package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
)

// connection is what an organisation's peer is told about its own process, in the form
// of Fabric's builder for chaincode as a service. TLS both ways is not left to choice.
type connection struct {
	Address            string `json:"address"`
	DialTimeout        string `json:"dial_timeout"`
	TLSRequired        bool   `json:"tls_required"`
	ClientAuthRequired bool   `json:"client_auth_required"`
	ClientKey          string `json:"client_key"`
	ClientCert         string `json:"client_cert"`
	RootCert           string `json:"root_cert"`
}

type metadata struct {
	Type  string `json:"type"`
	Label string `json:"label"`
}

// Fabric takes no other labels.
var labelForm = regexp.MustCompile(`^[[:alnum:]][[:alnum:]_.+-]*$`)

// runPackage writes the package that the organisation's peer installs, and prints its id.
func runPackage(args []string, out io.Writer) error {
	set := flag.NewFlagSet("package", flag.ContinueOnError)
	label := set.String("label", "", "name and version of the package, such as anchor_1")
	address := set.String("address", "", "where the peer reaches this organisation's process")
	cert := set.String("client-cert", "", "certificate that the peer shows, PEM")
	key := set.String("client-key", "", "its key, PEM")
	root := set.String("root-cert", "", "authority of the process's certificate, PEM")
	file := set.String("out", "", "the package, written with mode 0600: it holds the key")
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 || *file == "" {
		return errors.New("package needs --out, and takes nothing but flags")
	}
	if !labelForm.MatchString(*label) {
		return fmt.Errorf("--label %q: want a name such as anchor_1", *label)
	}
	if host, port, err := net.SplitHostPort(*address); err != nil || host == "" || port == "" {
		return fmt.Errorf("--address %q: want host:port, where the peer reaches the process", *address)
	}
	c := connection{Address: *address, DialTimeout: "10s", TLSRequired: true, ClientAuthRequired: true}
	for _, read := range []struct {
		flag       string
		path, into *string
	}{{"client-cert", cert, &c.ClientCert}, {"client-key", key, &c.ClientKey}, {"root-cert", root, &c.RootCert}} {
		raw, err := os.ReadFile(*read.path)
		if err != nil {
			return fmt.Errorf("--%s: %w", read.flag, err)
		}
		*read.into = string(raw)
	}
	if err := c.check(); err != nil {
		return err
	}
	raw, err := pack(*label, c)
	if err != nil {
		return err
	}
	if err := writePrivate(*file, raw); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	sum := sha256.Sum256(raw)
	_, err = fmt.Fprintf(out, "%s:%s\n", *label, hex.EncodeToString(sum[:]))
	return err
}

// writePrivate replaces a file by one that its owner alone reads, whatever was there.
func writePrivate(path string, raw []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // after the rename it is not there
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// check finds now what the peer would only find when it first connects.
func (c connection) check() error {
	if _, err := tls.X509KeyPair([]byte(c.ClientCert), []byte(c.ClientKey)); err != nil {
		return fmt.Errorf("--client-cert and --client-key: %w", err)
	}
	if block, _ := pem.Decode([]byte(c.RootCert)); block == nil {
		return errors.New("--root-cert: no PEM")
	} else if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("--root-cert: %w", err)
	}
	return nil
}

// pack makes the same bytes of the same connection, anywhere: its digest is its id.
func pack(label string, c connection) ([]byte, error) {
	inner, err := json.Marshal(c) //nolint:gosec // the peer reads its key there
	if err != nil {
		return nil, err
	}
	code, err := archive(entry{"connection.json", inner})
	if err != nil {
		return nil, err
	}
	meta, err := json.Marshal(metadata{"ccaas", label})
	if err != nil {
		return nil, err
	}
	return archive(entry{"metadata.json", meta}, entry{"code.tar.gz", code})
}

type entry struct {
	name    string
	content []byte
}

func archive(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	for _, e := range entries {
		if err := pack.WriteHeader(&tar.Header{Name: e.name, Mode: 0o600, Size: int64(len(e.content))}); err != nil {
			return nil, err
		}
		if _, err := pack.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(pack.Close(), zip.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
