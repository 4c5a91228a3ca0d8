package endorsement

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"time"
)

// endorser is who signed an answer: a certificate of an organisation.
type endorser struct {
	msp         string
	certificate *x509.Certificate
}

// parseEndorser reads msp.SerializedIdentity.
func parseEndorser(raw []byte) (endorser, error) {
	f := read(raw)
	e := endorser{msp: string(f.need(1))}
	pem := f.need(2)
	err := f.end("identity")
	if err != nil {
		return e, err
	}
	e.certificate, err = certificate(pem)
	return e, err
}

// signed checks an ECDSA signature over SHA-256, as Fabric makes them: DER in
// its one spelling, S in the lower half, so that nobody can make a second
// signature out of a first.
func (e endorser) signed(message, signature []byte) *Error {
	key, ok := e.certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
		return refuse(CheckSignature, MenderChannel, "a key that is not ECDSA on P-256 or P-384")
	}
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &rs)
	if err != nil || len(rest) > 0 {
		return refuse(CheckSignature, MenderProver, "not one ASN.1 signature")
	}
	if rs.S.Cmp(new(big.Int).Rsh(key.Params().N, 1)) > 0 {
		return refuse(CheckSignature, MenderProver, "S is in the upper half")
	}
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return refuse(CheckSignature, MenderProver, "it is not over this answer")
	}
	return nil
}

// checkPeer: under this configuration the certificate is that of a peer of the
// organisation, at this time (bccspmsp.validateIdentity, and validity).
func (o *organisation) checkPeer(c *x509.Certificate, at time.Time) *Error {
	if c.IsCA {
		return refuse(CheckChain, MenderChannel, "a CA is nobody's identity")
	}
	chain, err := o.chain(c, at)
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return refuse(CheckValidity, MenderProver, "at %s the certificate, or one above it, is not valid", at.Format(time.RFC3339))
	}
	if err != nil {
		return refuse(CheckChain, MenderChannel, "%v", err)
	}
	if slices.ContainsFunc(o.issuesCA, func(raw []byte) bool { return string(raw) == string(chain[1].Raw) }) {
		return refuse(CheckChain, MenderChannel, "its issuer issues CAs, and so no identities")
	}
	return o.checkRole(c, chain[1])
}

// checkRole: one role among the NodeOUs, that of a peer, and the organisation's
// own units (bccspmsp.validateIdentityOUsV142, validateIdentityOUsV1).
func (o *organisation) checkRole(c, issuer *x509.Certificate) *Error {
	in := func(u unit) bool {
		return slices.Contains(c.Subject.OrganizationalUnit, u.name) && (u.by == nil || u.by.Equal(issuer))
	}
	if len(o.units) > 0 && !slices.ContainsFunc(o.units, in) {
		return refuse(CheckRole, MenderChannel, "it is in no unit of organisation %s", o.msp)
	}
	var roles []string
	for _, name := range c.Subject.OrganizationalUnit {
		i := slices.IndexFunc(o.nodes, func(u unit) bool { return u.name == name })
		if i < 0 {
			continue
		}
		if !in(o.nodes[i]) {
			return refuse(CheckRole, MenderChannel, "its role %q is certified by another CA", name)
		}
		roles = append(roles, name)
	}
	if len(roles) != 1 || roles[0] != o.peer {
		return refuse(CheckRole, MenderChannel, "its roles are %q where organisation %s knows peers by %q", roles, o.msp, o.peer)
	}
	return nil
}
