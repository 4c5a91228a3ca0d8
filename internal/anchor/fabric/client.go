package fabric

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/govmydata/mydata/internal/anchor"
)

// Chain is an anchor.Chain; Close ends its connections.
type Chain struct {
	connection Connection
	now        func() time.Time
	cert       *x509.Certificate
	id         identity.Identity
	sign       identity.Sign
	gateway    *client.Gateway
	contract   *client.Contract
	peers      map[string]peer.EndorserClient // by MSP
	open       []*grpc.ClientConn
}

var _ anchor.Chain = (*Chain)(nil)

// Open reads the writer's identity and prepares the connections; nobody is
// called so far.
func Open(c Connection, now func() time.Time) (*Chain, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	chain := &Chain{connection: c, now: now, peers: map[string]peer.EndorserClient{}}
	if err := chain.identify(); err != nil {
		return nil, err
	}
	if err := chain.connect(); err != nil {
		return nil, errors.Join(err, chain.Close())
	}
	return chain, nil
}

// identify loads certificate and key, which have to belong together.
func (c *Chain) identify() error {
	text, err := os.ReadFile(c.connection.Cert)
	if err != nil {
		return fmt.Errorf("anchorer's certificate: %w", err)
	}
	if c.cert, err = identity.CertificateFromPEM(text); err != nil {
		return fmt.Errorf("anchorer's certificate %s: %w", c.connection.Cert, err)
	}
	if text, err = os.ReadFile(c.connection.Key); err != nil {
		return fmt.Errorf("anchorer's key: %w", err)
	}
	key, err := identity.PrivateKeyFromPEM(text)
	if err != nil {
		return fmt.Errorf("anchorer's key %s: %w", c.connection.Key, err)
	}
	signer, ok := key.(crypto.Signer)
	public, comparable := c.cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !comparable || !public.Equal(signer.Public()) {
		return fmt.Errorf("%s is not the key of %s", c.connection.Key, c.connection.Cert)
	}
	if c.id, err = identity.NewX509Identity(c.connection.MSP, c.cert); err != nil {
		return fmt.Errorf("anchorer's identity: %w", err)
	}
	if c.sign, err = identity.NewPrivateKeySign(key); err != nil {
		return fmt.Errorf("anchorer's key: %w", err)
	}
	return nil
}

func (c *Chain) connect() error {
	conn, err := c.dial(c.connection.Peer, c.connection.TLSCA)
	if err != nil {
		return err
	}
	c.gateway, err = client.Connect(c.id, client.WithSign(c.sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	c.contract = c.gateway.GetNetwork(c.connection.Channel).GetContract(c.connection.Chaincode)
	for _, o := range c.connection.Organisations {
		if conn, err = c.dial(o.Peer, o.TLSCA); err != nil {
			return err
		}
		c.peers[o.MSP] = peer.NewEndorserClient(conn)
	}
	return nil
}

func (c *Chain) dial(peer, ca string) (*grpc.ClientConn, error) {
	conn, err := dial(peer, ca)
	if err == nil {
		c.open = append(c.open, conn)
	}
	return conn, err
}

// Close ends all connections.
func (c *Chain) Close() error {
	var errs []error
	if c.gateway != nil {
		errs = append(errs, c.gateway.Close())
	}
	for _, conn := range c.open {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// organisations are the MSP ids that endorse.
func (c *Chain) organisations() []string {
	var all []string
	for _, o := range c.connection.Organisations {
		all = append(all, o.MSP)
	}
	slices.Sort(all)
	return all
}

// valid asks the certificate itself: peers and orderers say less clearly that
// it ran out.
func (c *Chain) valid() error {
	now := c.now()
	if now.Before(c.cert.NotBefore) || now.After(c.cert.NotAfter) {
		return &anchor.Failure{
			Is: anchor.ErrExpired, Check: "identity validity", Mender: "the anchorer's operator: a new certificate, registered by vote when its key is new",
			Cause: fmt.Sprintf("valid from %s to %s", c.cert.NotBefore.Format(time.RFC3339), c.cert.NotAfter.Format(time.RFC3339)),
		}
	}
	return nil
}

// Pin adds the channel's configurations to a trust folder, as this connection's
// peer gives them; what is zero in want is the connection's.
func (c *Chain) Pin(ctx context.Context, dir string, want Policy) (Pinning, error) {
	if want.Chaincode == "" {
		want.Chaincode = c.connection.Chaincode
	}
	p, err := Pin(ctx, c.gateway.GetNetwork(c.connection.Channel), dir, want)
	if _, fabric := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); fabric {
		return p, c.failure("reading the channel's configuration", err)
	}
	return p, err
}
