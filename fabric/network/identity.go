package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// generate lets Fabric's cryptogen make all organisations with their authorities.
func (n *network) generate(ctx context.Context) error {
	var y strings.Builder
	y.WriteString("OrdererOrgs:\n  - Name: Orderer\n    Domain: ord.test\n    EnableNodeOUs: true\n    Specs:\n")
	for i := 1; i <= n.Orderers; i++ {
		fmt.Fprintf(&y, "      - {Hostname: o%d, SANS: [localhost, 127.0.0.1]}\n", i)
	}
	y.WriteString("PeerOrgs:\n")
	for o := 1; o <= organisation; o++ {
		fmt.Fprintf(&y, "  - Name: Org%d\n    Domain: %s\n    EnableNodeOUs: true\n"+
			"    Template: {Count: 1, SANS: [localhost, 127.0.0.1]}\n    Users: {Count: 1}\n", o, domainOf(o))
	}
	if err := os.WriteFile(n.path("cfg", "crypto.yaml"), []byte(y.String()), 0o600); err != nil {
		return err
	}
	return n.tool(ctx, nil, "cryptogen", "generate", "--config="+n.path("cfg", "crypto.yaml"), "--output="+n.path("crypto"))
}

// authority is one that cryptogen made: its certificate and key lie in one folder.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func openAuthority(dir string) (authority, error) {
	certs, err := filepath.Glob(filepath.Join(dir, "*-cert.pem"))
	if err != nil || len(certs) != 1 {
		return authority{}, fmt.Errorf("no authority in %s", dir)
	}
	block, err := readPEM(certs[0])
	if err != nil {
		return authority{}, err
	}
	var a authority
	if a.cert, err = x509.ParseCertificate(block); err != nil {
		return authority{}, err
	}
	if block, err = readPEM(filepath.Join(dir, "priv_sk")); err != nil {
		return authority{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	if err != nil {
		return authority{}, err
	}
	var ok bool
	if a.key, ok = key.(crypto.Signer); !ok {
		return authority{}, fmt.Errorf("the key in %s signs nothing", dir)
	}
	return a, nil
}

func readPEM(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("no PEM in %s", path)
	}
	return block.Bytes, nil
}

// issue certifies a new key and writes both as name.crt and name.key.
func (a authority) issue(dir, name string, template x509.Certificate) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return pair{}, err
	}
	template.NotBefore = a.cert.NotBefore
	if template.NotAfter.IsZero() {
		template.NotAfter = a.cert.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return pair{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	p := pair{filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")}
	if err := os.WriteFile(p.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return pair{}, err
	}
	return p, os.WriteFile(p.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

// person is a certificate of an organisation's member of a role (client, admin).
func (n *network) person(o int, dir, name, role string, until time.Time) (pair, error) {
	ca, err := openAuthority(n.orgDir(o, "ca"))
	if err != nil {
		return pair{}, err
	}
	return ca.issue(dir, name, x509.Certificate{
		Subject:  pkix.Name{CommonName: name + "@" + domainOf(o), OrganizationalUnit: []string{role}},
		NotAfter: until,
	})
}
