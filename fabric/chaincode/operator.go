package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// runOperator prints what administrators vote for: the keys of some certificates.
func runOperator(args []string, out io.Writer) error {
	set := flag.NewFlagSet("operator", flag.ContinueOnError)
	msp := set.String("msp", "", "MSP id of the operator's organisation")
	o := operator{Keys: []string{}}
	set.Func("log", "file with a verifier key of the log (C2SP signed-note) that signs its checkpoints; again for more", func(file string) error {
		key, err := logKey(file)
		o.Logs = append(o.Logs, key)
		return err
	})
	if err := set.Parse(args); err != nil {
		return err
	}
	o.MSP = *msp
	for _, file := range set.Args() {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			return fmt.Errorf("%s: no PEM", file)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		o.Keys = append(o.Keys, keyOf(cert))
	}
	slices.Sort(o.Keys)
	slices.Sort(o.Logs)
	if _, err := parseOperator(encode(o)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, encode(o))
	return err
}

// logKey reads a verifier key, name+id+base64(type || key), of type 0x01.
func logKey(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	parts := strings.SplitN(strings.TrimSpace(string(text)), "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(parts) != 3 || len(raw) != 1+ed25519.PublicKeySize || raw[0] != 1 {
		return "", fmt.Errorf("%s: no verifier key of a log", file)
	}
	return base64.StdEncoding.EncodeToString(raw[1:]), nil
}

// keyOf names a certificate's key, whatever certificate comes after it for the same key.
func keyOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
