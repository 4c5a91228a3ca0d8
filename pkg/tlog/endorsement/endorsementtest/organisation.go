package endorsementtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// Identity is a certificate with its key.
type Identity struct {
	MSP         string
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// PEM is the certificate as Fabric writes it.
func (i Identity) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate.Raw})
}

// Serialized is msp.SerializedIdentity.
func (i Identity) Serialized() []byte {
	return Message(Bytes(1, []byte(i.MSP)), Bytes(2, i.PEM()))
}

// Organisation is a member, and what its next configuration says of it.
type Organisation struct {
	MSP     string
	Root    Identity
	Inner   []Identity // intermediate CAs
	Peer    Identity
	Roles   []string // NodeOUs: client, peer, admin, orderer; none disables them
	Units   []string // organisational units that members have to be in
	Revoked [][]byte // revocation lists, PEM
	Hashes  []string // signature family and identity hash, where given

	Name     string                   // of its group in the configuration, when not the MSP's
	Roots    []Identity               // further roots
	Idemix   bool                     // its MSP is of the other kind
	Disabled bool                     // its NodeOUs are
	Unit     func(name string) []byte // how units are written, when not as always
	start    time.Time
}

// NewOrganisation makes one with a root CA and a peer, valid for a year.
func NewOrganisation(msp string, start time.Time) *Organisation {
	o := &Organisation{MSP: msp, start: start, Roles: []string{"client", "peer", "admin", "orderer"}}
	o.Root = o.Issue(nil, CA)
	o.Peer = o.Issue(&o.Root, nil)
	return o
}

// CA makes a CA of a certificate.
func CA(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	c.Subject.OrganizationalUnit = nil
}

// Issue makes an identity, of a peer unless bent, under a CA; nil signs itself.
func (o *Organisation) Issue(by *Identity, bend func(*x509.Certificate)) Identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: o.MSP + " " + serial.Text(36), OrganizationalUnit: []string{"peer"}},
		NotBefore: o.start.Add(-time.Hour), NotAfter: o.start.Add(365 * 24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if bend != nil {
		bend(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	must(err)
	c, err := x509.ParseCertificate(der)
	must(err)
	return Identity{MSP: o.MSP, Certificate: c, Key: key}
}

// Revoke puts identities on a new revocation list of a CA.
func (o *Organisation) Revoke(by Identity, all ...Identity) {
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: o.start, NextUpdate: o.start.Add(24 * time.Hour)}
	for _, i := range all {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: i.Certificate.SerialNumber, RevocationTime: o.start})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, by.Certificate, by.Key)
	must(err)
	o.Revoked = append(o.Revoked, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// config is msp.FabricMSPConfig.
func (o *Organisation) config() []byte {
	m := Message(Bytes(1, []byte(o.MSP)), Bytes(2, o.Root.PEM()))
	for _, i := range o.Roots {
		m = append(m, Bytes(2, i.PEM())...)
	}
	for _, i := range o.Inner {
		m = append(m, Bytes(3, i.PEM())...)
	}
	for _, list := range o.Revoked {
		m = append(m, Bytes(5, list)...)
	}
	for _, name := range o.Units {
		m = append(m, Bytes(7, o.unit(name))...)
	}
	if len(o.Hashes) == 2 {
		m = append(m, Bytes(8, Message(Bytes(1, []byte(o.Hashes[0])), Bytes(2, []byte(o.Hashes[1]))))...)
	}
	if len(o.Roles) == 4 {
		nodes := Varint(1, 1)
		if o.Disabled {
			nodes = nil
		}
		for i, name := range o.Roles {
			nodes = append(nodes, Bytes(i+2, o.unit(name))...)
		}
		m = append(m, Bytes(11, nodes)...)
	}
	return m
}

// unit is msp.FabricOUIdentifier, certified by whoever issues the peer.
func (o *Organisation) unit(name string) []byte {
	if o.Unit != nil {
		return o.Unit(name)
	}
	by := o.Root
	for _, i := range o.Inner {
		if o.Peer.Certificate != nil && o.Peer.Certificate.Issuer.CommonName == i.Certificate.Subject.CommonName {
			by = i
		}
	}
	return Message(Bytes(1, by.PEM()), Bytes(2, []byte(name)))
}
