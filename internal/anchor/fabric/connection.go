package fabric

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// Connection says where the network is and who writes there. Paths are
// relative to the folder of the file that it was read from.
type Connection struct {
	Channel       string         `json:"channel"`
	Chaincode     string         `json:"chaincode"`
	MSP           string         `json:"msp"`    // the writer's organisation
	Peer          string         `json:"peer"`   // whose Gateway service is used, host:port
	TLSCA         string         `json:"tls_ca"` // PEM
	Cert          string         `json:"cert"`   // the writer's, PEM
	Key           string         `json:"key"`    // PKCS #8, PEM
	Organisations []Organisation `json:"organisations"`
}

// Organisation is one whose peer endorses, and is read.
type Organisation struct {
	MSP   string `json:"msp"`
	Peer  string `json:"peer"`
	TLSCA string `json:"tls_ca"`
}

const maxConnection = 64 << 10

// ErrConnection says that a connection file is not one.
var ErrConnection = errors.New("malformed connection file")

// ParseConnection reads a connection file strictly.
func ParseConnection(text []byte) (Connection, error) {
	var c Connection
	if len(text) > maxConnection {
		return c, fmt.Errorf("%w: longer than %d bytes", ErrConnection, maxConnection)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%w: %w", ErrConnection, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("%w: something follows", ErrConnection)
	}
	return c, c.check()
}

func (c Connection) check() error {
	for name, value := range map[string]string{
		"channel": c.Channel, "chaincode": c.Chaincode, "msp": c.MSP, "tls_ca": c.TLSCA, "cert": c.Cert, "key": c.Key,
	} {
		if value == "" {
			return fmt.Errorf("%w: no %s", ErrConnection, name)
		}
	}
	if len(c.Organisations) == 0 || len(c.Organisations) > 64 {
		return fmt.Errorf("%w: it names %d organisations", ErrConnection, len(c.Organisations))
	}
	known := map[string]bool{}
	for _, o := range append(c.Organisations, Organisation{"", c.Peer, c.TLSCA}) {
		if known[o.MSP] || o.TLSCA == "" {
			return fmt.Errorf("%w: organisation %q twice, or without tls_ca", ErrConnection, o.MSP)
		}
		known[o.MSP] = true
		if host, port, err := net.SplitHostPort(o.Peer); err != nil || host == "" || port == "" {
			return fmt.Errorf("%w: peer %q is no host:port", ErrConnection, o.Peer)
		}
	}
	return nil
}

// ReadConnection reads a connection file and makes its paths absolute.
func ReadConnection(file string) (Connection, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Connection{}, fmt.Errorf("connection: %w", err)
	}
	c, err := ParseConnection(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	at := func(p *string) {
		if !filepath.IsAbs(*p) {
			*p = filepath.Join(filepath.Dir(file), *p)
		}
	}
	at(&c.TLSCA)
	at(&c.Cert)
	at(&c.Key)
	for i := range c.Organisations {
		at(&c.Organisations[i].TLSCA)
	}
	return c, nil
}

// dial connects to a peer when it is first used, and again whenever the
// connection was lost; how long one waits is each call's.
func dial(peer, ca string) (*grpc.ClientConn, error) {
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("connection: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrConnection, ca)
	}
	return grpc.NewClient("passthrough:///"+peer,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 3 * time.Second,
		}))
}
