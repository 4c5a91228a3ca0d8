package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

// runOperator prints what administrators vote for: the keys of some certificates.
func runOperator(args []string, out io.Writer) error {
	set := flag.NewFlagSet("operator", flag.ContinueOnError)
	msp := set.String("msp", "", "MSP id of the operator's organisation")
	if err := set.Parse(args); err != nil {
		return err
	}
	o := operator{Keys: []string{}, MSP: *msp}
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
	if _, err := parseOperator(encode(o)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, encode(o))
	return err
}

// keyOf names a certificate's key, whatever certificate comes after it for the same key.
func keyOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
