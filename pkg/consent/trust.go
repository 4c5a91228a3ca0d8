package consent

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Trust is everything a check is measured against. It comes out of a folder,
// never out of the network.
type Trust struct {
	Issuer      string
	HubKeys     jose.JSONWebKeySet
	AgencyRoots *x509.CertPool // the government CA
	IssuerRoots *x509.CertPool // the CA of credential issuers
	Log         tlog.Policy
	RP          approval.RelyingParty
	Officers    []jose.JSONWebKey
}

// The files of a trust folder.
const (
	HubFile       = "hub.json"
	AgencyCAFile  = "agency-ca.pem"
	IssuerCAFile  = "issuer-ca.pem"
	LogPolicyFile = "log-policy.txt"
)

// HubTrust is hub.json: the hub's own half of the trust folder.
type HubTrust struct {
	Issuer   string                `json:"issuer"`
	RP       approval.RelyingParty `json:"rp"`
	JWKS     jose.JSONWebKeySet    `json:"jwks"`
	Officers jose.JSONWebKeySet    `json:"officers"`
}

// TrustFiles are the contents of a trust folder.
type TrustFiles struct {
	Hub       HubTrust
	AgencyCA  []byte // PEM
	IssuerCA  []byte // PEM
	LogPolicy []byte // C2SP tlog-policy
}

const maxTrustFile = 1 << 20

// LoadTrust reads a trust folder; a part that is missing or empty is an error.
func LoadTrust(fsys fs.FS) (Trust, error) {
	files := map[string][]byte{}
	for _, name := range []string{HubFile, AgencyCAFile, IssuerCAFile, LogPolicyFile} {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return Trust{}, fmt.Errorf("trust folder: %w", err)
		}
		if len(raw) > maxTrustFile {
			return Trust{}, fmt.Errorf("trust folder: %s is longer than %d bytes", name, maxTrustFile)
		}
		files[name] = raw
	}
	hub, err := ParseHubTrust(files[HubFile])
	if err != nil {
		return Trust{}, err
	}
	return TrustFiles{
		Hub: hub, AgencyCA: files[AgencyCAFile], IssuerCA: files[IssuerCAFile], LogPolicy: files[LogPolicyFile],
	}.Trust()
}

// ParseHubTrust reads hub.json.
func ParseHubTrust(text []byte) (HubTrust, error) {
	var hub HubTrust
	if err := Decode(text, maxTrustFile, &hub); err != nil {
		return HubTrust{}, fmt.Errorf("trust folder: %s: %w", HubFile, err)
	}
	return hub, nil
}

// Canonical is what ParseHubTrust reads, as it is written.
func (h HubTrust) Canonical() ([]byte, error) { return canonical(h) }

// Trust is the files' meaning.
func (f TrustFiles) Trust() (Trust, error) {
	t := Trust{Issuer: f.Hub.Issuer, HubKeys: f.Hub.JWKS, RP: f.Hub.RP, Officers: f.Hub.Officers.Keys}
	if t.Issuer == "" || t.RP.ID == "" || t.RP.Origin == "" {
		return Trust{}, errors.New("trust folder: hub.json lacks issuer or rp")
	}
	for _, key := range append(append([]jose.JSONWebKey{}, t.HubKeys.Keys...), t.Officers...) {
		if !key.IsPublic() || !key.Valid() {
			return Trust{}, fmt.Errorf("trust folder: key %q is not a public key", key.KeyID)
		}
	}
	if len(t.HubKeys.Keys) == 0 || len(t.Officers) < 2 {
		return Trust{}, errors.New("trust folder: hub.json lacks the hub's keys or two officers' keys")
	}
	var err error
	if t.AgencyRoots, err = roots(f.AgencyCA); err != nil {
		return Trust{}, fmt.Errorf("trust folder: %s: %w", AgencyCAFile, err)
	}
	if t.IssuerRoots, err = roots(f.IssuerCA); err != nil {
		return Trust{}, fmt.Errorf("trust folder: %s: %w", IssuerCAFile, err)
	}
	if t.Log, err = tlog.ParsePolicy(f.LogPolicy); err != nil {
		return Trust{}, fmt.Errorf("trust folder: %s: %w", LogPolicyFile, err)
	}
	return t, nil
}

// roots are the certificates of a PEM text (RFC 7468, 5), each of them whole:
// x509.CertPool would leave out what it cannot read.
func roots(text []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		n++
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n, err)
		}
		pool.AddCert(c)
	}
	if n == 0 {
		return nil, errors.New("it has no certificate")
	}
	if bytes.Count(text, []byte("-----BEGIN CERTIFICATE-----")) != n { // pem.Decode passes over what is torn
		return nil, errors.New("it has a certificate that is not whole")
	}
	return pool, nil
}

// WriteTrust writes a trust folder, after checking that it would load. The
// folder is made when missing; files are replaced.
func WriteTrust(dir string, f TrustFiles) error {
	if _, err := f.Trust(); err != nil {
		return err
	}
	hub, err := f.Hub.Canonical()
	if err != nil {
		return fmt.Errorf("trust folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: a trust folder is public
		return fmt.Errorf("trust folder: %w", err)
	}
	for name, raw := range map[string][]byte{
		HubFile: append(hub, '\n'), AgencyCAFile: f.AgencyCA, IssuerCAFile: f.IssuerCA, LogPolicyFile: f.LogPolicy,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil { //nolint:gosec // G306: public keys
			return fmt.Errorf("trust folder: %w", err)
		}
	}
	return nil
}
