package endorsement

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// organisation is an MSP as one configuration has it.
type organisation struct {
	msp           string
	roots, inner  []*x509.Certificate
	issuesCA      [][]byte // raw: CAs that issue CAs issue no identities
	revoked       []*x509.RevocationList
	units, nodes  []unit
	peer          string // the unit's name that makes a peer; empty without NodeOUs
	intermediates *x509.CertPool
	anchors       *x509.CertPool
}

// unit is an organisational unit that means something, when it was certified
// by this CA, or by any.
type unit struct {
	name string
	by   *x509.Certificate
}

func (o *organisation) setCertificates(roots, intermediates [][]byte) error {
	o.anchors, o.intermediates = x509.NewCertPool(), x509.NewCertPool()
	for _, raw := range roots {
		c, err := certificate(raw)
		if err != nil {
			return fmt.Errorf("root: %w", err)
		}
		o.roots = append(o.roots, c)
		o.anchors.AddCert(c)
	}
	for _, raw := range intermediates {
		c, err := certificate(raw)
		if err != nil {
			return fmt.Errorf("intermediate: %w", err)
		}
		o.inner = append(o.inner, c)
		o.intermediates.AddCert(c)
	}
	if len(o.roots) == 0 {
		return errors.New("no root certificate")
	}
	for _, c := range o.inner {
		chain, err := o.chain(c, c.NotBefore.Add(time.Second)) // an expired one stays in a configuration
		if err != nil {
			return fmt.Errorf("intermediate: %w", err)
		}
		for _, above := range chain[1:] {
			o.issuesCA = append(o.issuesCA, above.Raw)
		}
	}
	return nil
}

// chain is the one chain of a certificate to the organisation's roots
// (bccspmsp.getUniqueValidationChain).
func (o *organisation) chain(c *x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	chains, err := c.Verify(x509.VerifyOptions{
		Roots: o.anchors, Intermediates: o.intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, err
	}
	if len(chains) != 1 || len(chains[0]) < 2 {
		return nil, fmt.Errorf("%d chains where one belongs", len(chains))
	}
	return chains[0], nil
}

// setRevoked reads the revocation lists, PEM or DER, as Fabric does.
func (o *organisation) setRevoked(lists [][]byte) error {
	for _, raw := range lists {
		if block, rest := pem.Decode(raw); block != nil && block.Type == "X509 CRL" && len(rest) == 0 {
			raw = block.Bytes
		}
		list, err := x509.ParseRevocationList(raw)
		if err != nil {
			return fmt.Errorf("revocation list: %w", err)
		}
		o.revoked = append(o.revoked, list)
	}
	return nil
}

// revokes tells whether a list names the certificate. Whether the list's
// signature holds is not asked: its place in the configuration is its authority,
// and a wrong one can only refuse more.
func (o *organisation) revokes(c *x509.Certificate) bool {
	return slices.ContainsFunc(o.revoked, func(list *x509.RevocationList) bool {
		byKey := len(list.AuthorityKeyId) > 0 && bytes.Equal(list.AuthorityKeyId, c.AuthorityKeyId)
		if !byKey && !bytes.Equal(list.RawIssuer, c.RawIssuer) {
			return false
		}
		return slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return e.SerialNumber.Cmp(c.SerialNumber) == 0
		})
	})
}

// setUnits reads the organisational units that members have to be in, and
// msp.FabricNodeOUs, which make roles.
func (o *organisation) setUnits(units [][]byte, nodes []byte) error {
	for _, raw := range units {
		u, err := o.unit(raw)
		if err != nil {
			return err
		}
		if u.by == nil {
			return errors.New("an organisational unit without certificate")
		}
		o.units = append(o.units, u)
	}
	f := read(nodes)
	enabled := f.varint(1)
	var roles [4][]byte // client, peer, admin, orderer
	var given [4]bool
	for i := range roles {
		roles[i], given[i] = f.message(protowire.Number(2 + i))
	}
	if err := f.end("NodeOUs"); err != nil {
		return err
	}
	for i, raw := range roles {
		if !given[i] || enabled != 1 {
			continue
		}
		u, err := o.unit(raw)
		if err != nil {
			return err
		}
		if i == 1 {
			o.peer = u.name
		}
		o.nodes = append(o.nodes, u)
	}
	return nil
}

// unit reads msp.FabricOUIdentifier.
func (o *organisation) unit(raw []byte) (unit, error) {
	f := read(raw)
	by, name := f.may(1), string(f.need(2))
	if err := f.end("organisational unit"); err != nil {
		return unit{}, err
	}
	u := unit{name: name}
	if len(by) == 0 {
		return u, nil
	}
	c, err := certificate(by)
	if err != nil {
		return unit{}, err
	}
	if !slices.ContainsFunc(slices.Concat(o.roots, o.inner), c.Equal) {
		return unit{}, fmt.Errorf("unit %q is certified by no CA of the organisation", name)
	}
	u.by = c
	return u, nil
}
