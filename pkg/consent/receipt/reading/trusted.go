package reading

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Trusted is exactly what a receipt is measured against, for a person to read.
type Trusted struct {
	// Fingerprint is SHA-256 over what the folder means: hub.json in canonical
	// JSON, the certificates, the log's policy.
	Fingerprint string   `json:"fingerprint"`
	Issuer      string   `json:"issuer"`
	Origin      string   `json:"origin"` // where citizens sign
	HubKeys     []string `json:"hub_keys"`
	Officers    int      `json:"officers"`
	Agencies    []string `json:"agency_ca"` // subject and SHA-256 of each certificate
	Logs        []string `json:"logs"`
	Witnesses   []string `json:"witnesses"`
	Policy      string   `json:"policy"`           // the log's policy, word for word
	Fabric      string   `json:"fabric,omitempty"` // fingerprint of the trust in a channel

	meant   consent.Trust
	channel *endorsement.Trust
}

// Trust reads a trust folder.
func Trust(files []File) (Trusted, error) {
	f, err := newFolder(files)
	if err != nil {
		return Trusted{}, err
	}
	return FolderTrust(f)
}

// FolderTrust reads a trust folder from a file system.
func FolderTrust(fsys fs.FS) (t Trusted, err error) {
	if t.meant, err = consent.LoadTrust(fsys); err != nil {
		return t, refuse(CheckTrust, "%v", err)
	}
	t.Issuer, t.Origin, t.Officers = t.meant.Issuer, t.meant.RP.Origin, len(t.meant.Officers)
	for _, key := range t.meant.HubKeys.Keys {
		t.HubKeys = append(t.HubKeys, key.KeyID)
	}
	for _, l := range t.meant.Log.Logs {
		t.Logs = append(t.Logs, l.Key.String())
	}
	for _, w := range t.meant.Log.Witnesses {
		t.Witnesses = append(t.Witnesses, w.Key.String())
	}
	policy, err := fs.ReadFile(fsys, consent.LogPolicyFile)
	if err == nil {
		t.Policy = string(policy)
		t.Fingerprint, t.Agencies, err = fingerprint(fsys, policy)
	}
	if err != nil {
		return t, refuse(CheckTrust, "%v", err)
	}
	if f, ok := fsys.(folder); ok && f.has("fabric") {
		below, err := fs.Sub(fsys, "fabric")
		if err != nil {
			return t, refuse(CheckTrust, "%v", err)
		}
		if t.channel, err = endorsement.LoadTrust(below); err != nil {
			return t, refuse(CheckTrust, "fabric: %v", err)
		}
		t.Fabric = t.channel.Fingerprint()
	}
	return t, nil
}

// Meaning is the trust to verify with.
func (t Trusted) Meaning() consent.Trust { return t.meant }

// fingerprint hashes what the files of a folder mean, so that another spelling
// of hub.json or a comment beside a certificate changes nothing.
func fingerprint(fsys fs.FS, policy []byte) (sum string, agencies []string, err error) {
	h := sha256.New()
	part := func(b []byte) {
		fmt.Fprintf(h, "%d\n", len(b))
		h.Write(b)
	}
	h.Write([]byte("mydata/trust/v1\x00"))
	raw, err := fs.ReadFile(fsys, consent.HubFile)
	if err != nil {
		return "", nil, err
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return "", nil, err
	}
	part(canonical)
	for _, name := range []string{consent.AgencyCAFile, consent.IssuerCAFile} {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return "", nil, err
		}
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				continue
			}
			part(block.Bytes)
			if c, err := x509.ParseCertificate(block.Bytes); err == nil && name == consent.AgencyCAFile {
				digest := sha256.Sum256(c.Raw)
				agencies = append(agencies, c.Subject.String()+", SHA-256 "+hex.EncodeToString(digest[:]))
			}
		}
		part(nil)
	}
	part(policy)
	return hex.EncodeToString(h.Sum(nil)), agencies, nil
}
