package fabric_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/fabric"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestPeerThatRanOut: what is said of a peer's own certificate is not said of the
// anchorer's, which nobody has to renew for it.
func TestPeerThatRanOut(t *testing.T) {
	folder := t.TempDir()
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	issue := func(until time.Duration) []byte {
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(until), KeyUsage: x509.KeyUsageDigitalSignature,
		}, ca, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{issue(-time.Hour)}, PrivateKey: private})))
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	roots, peer := write("ca.pem", "CERTIFICATE", root), net.JoinHostPort("localhost", port)
	chain, err := fabric.Open(fabric.Connection{
		Channel: "anchors", Chaincode: "anchor", MSP: "Org1MSP", Peer: peer, TLSCA: roots,
		Cert: write("cert.pem", "CERTIFICATE", issue(time.Hour)), Key: write("key.pem", "PRIVATE KEY", pkcs8),
		Organisations: []fabric.Organisation{{MSP: "Org1MSP", Peer: peer, TLSCA: roots}},
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	_, latest := chain.Latest(t.Context(), ours)
	_, read := chain.Read(t.Context(), ours, 1)
	_, prepared := chain.Prepare(t.Context(), anchor.Put{Origin: ours, Size: 1, Root: tlog.Hash{1}})
	for name, err := range map[string]error{"latest": latest, "read": read, "prepare": prepared} {
		failure, ok := errors.AsType[*anchor.Failure](err)
		if !ok || !errors.Is(err, anchor.ErrUnreachable) || failure.Mender != "the network's operators" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
