package fabric_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/fabric"
	"github.com/govmydata/mydata/pkg/tlog"
)

// mint makes an identity under the CA in a folder of the network: of a client,
// valid for a while around now plus that.
func mint(t *testing.T, ca string, from, until time.Duration) stage.Identity {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(ca, "*-cert.pem"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	issuer, issuerKey := certificate(t, found[0]), key(t, filepath.Join(ca, "priv_sk"))
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "anchorer", OrganizationalUnit: []string{"client"}},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}, issuer, own.Public(), issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	id := stage.Identity{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{id.Cert: {Type: "CERTIFICATE", Bytes: der}, id.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// TestIdentities: what is wrong with who writes is named, with who can mend it.
func TestIdentities(t *testing.T) {
	net := network(t)
	ca := func(n string) string { return filepath.Join(net.Dir, "crypto", "peerOrganizations", n, "ca") }
	day := 24 * time.Hour
	for _, tt := range []struct {
		name string
		org  int
		who  stage.Identity
		want error
	}{
		{"it names an identity that nobody registered", 0, net.Organisations[0].Admin, anchor.ErrForeign},
		{"it names another organisation's user", 1, net.Organisations[1].User, anchor.ErrForeign},
		{"it names an identity that ran out", 0, mint(t, ca("org1.test"), -day, -time.Hour), anchor.ErrExpired},
		{"it names an identity that is not valid so far", 0, mint(t, ca("org1.test"), time.Hour, day), anchor.ErrExpired},
		{"it names a certificate of another organisation's CA", 0, mint(t, ca("org2.test"), -time.Hour, day), anchor.ErrOrganisation},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chain := open(t, net, tt.org, tt.who)
			_, err := chain.Prepare(within(t), anchor.Put{Origin: ours, Size: 1 << 40, Root: tlog.Hash{1}})
			failure, ok := errors.AsType[*anchor.Failure](err)
			if !errors.Is(err, tt.want) || !ok || failure.Check == "" || failure.Mender == "" {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	t.Run("it says so too when only the network sees that the identity ran out", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "connection.json")
		if err := net.Connection(file, 0, mint(t, ca("org1.test"), -day, -time.Hour)); err != nil {
			t.Fatal(err)
		}
		c, err := fabric.ReadConnection(file)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := fabric.Open(c, func() time.Time { return time.Now().Add(-2 * time.Hour) }) // our clock is wrong
		if err != nil {
			t.Fatal(err)
		}
		defer chain.Close()
		if _, err := chain.Prepare(within(t), anchor.Put{Origin: ours, Size: 1 << 40, Root: tlog.Hash{1}}); !errors.Is(err, anchor.ErrExpired) {
			t.Error(err)
		}
	})
	t.Run("it does not take a peer under another CA", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "connection.json")
		if err := net.Connection(file, 0, net.Organisations[0].User); err != nil {
			t.Fatal(err)
		}
		c, err := fabric.ReadConnection(file)
		if err != nil {
			t.Fatal(err)
		}
		c.TLSCA = net.Organisations[1].TLSCA
		chain, err := fabric.Open(c, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer chain.Close()
		if _, err := chain.Latest(within(t), ours); !errors.Is(err, anchor.ErrUnreachable) {
			t.Error(err)
		}
	})
}

func TestConnectionRefuses(t *testing.T) {
	good := `{"channel":"anchors","chaincode":"anchor","msp":"Org1MSP","peer":"localhost:1","tls_ca":"ca","cert":"c","key":"k","organisations":[{"msp":"Org1MSP","peer":"localhost:1","tls_ca":"ca"}]}`
	if _, err := fabric.ParseConnection([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range connectionsRefused(good) {
		if _, err := fabric.ParseConnection([]byte(text)); !errors.Is(err, fabric.ErrConnection) {
			t.Errorf("it takes %s: %v", name, err)
		}
	}
}
