package endorsement

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Trust is what proofs are measured against: which channel and chaincode, which
// organisations and how many of them, and the pinned history of the channel's
// configurations. The zero Trust accepts nothing.
type Trust struct {
	channel, chaincode string
	organisations      []string
	quorum             int
	configs            []*configuration // by time
	fingerprint        string
}

// ManifestFile is the file of a trust folder that names all others.
const ManifestFile = "fabric.json"

// Manifest is fabric.json.
type Manifest struct {
	Chaincode     string   `json:"chaincode"`
	Channel       string   `json:"channel"`
	Configs       []Pinned `json:"configs"`
	Fingerprint   string   `json:"fingerprint,omitempty"` // SHA-256 of the canonical rest
	Organisations []string `json:"organisations"`
	Quorum        int      `json:"quorum"`
}

// Pinned is one configuration in the history.
type Pinned struct {
	File   string `json:"file"`   // config-N.pb, N its sequence
	From   string `json:"from"`   // when it came into force, RFC 3339 in UTC
	SHA256 string `json:"sha256"` // of the file
}

// The bounds of a trust folder.
const (
	MaxConfigs       = 1024
	MaxOrganisations = 64
	maxManifest      = 1 << 20
)

// Seal gives the manifest as fabric.json, with its fingerprint set.
func (m Manifest) Seal() ([]byte, Manifest, error) {
	m.Fingerprint = ""
	raw, err := canonical(m)
	if err != nil {
		return nil, m, err
	}
	sum := sha256.Sum256(raw)
	m.Fingerprint = hex.EncodeToString(sum[:])
	raw, err = canonical(m)
	return append(raw, '\n'), m, err
}

// ParseManifest reads fabric.json in the form that Seal writes, and compares
// its fingerprint.
func ParseManifest(raw []byte) (Manifest, error) {
	var m Manifest
	if len(raw) > maxManifest || len(raw) == 0 || raw[len(raw)-1] != '\n' {
		return m, refuse(CheckTrust, MenderTrust, "%s is too long or cut short", ManifestFile)
	}
	if err := decode(raw[:len(raw)-1], &m); err != nil {
		return m, refuse(CheckTrust, MenderTrust, "%s: %v", ManifestFile, err)
	}
	_, sealed, err := m.Seal()
	if err != nil || sealed.Fingerprint != m.Fingerprint {
		return m, refuse(CheckFingerprint, MenderTrust, "%s is not what it was sealed as", ManifestFile)
	}
	return m, m.check()
}

func (m Manifest) check() error {
	bad := func(cause string, args ...any) error {
		return refuse(CheckTrust, MenderTrust, ManifestFile+": "+cause, args...)
	}
	switch n := len(m.Organisations); {
	case m.Channel == "" || m.Chaincode == "" || m.Chaincode == lifecycle:
		return bad("it names no channel or no chaincode")
	case n == 0 || n > MaxOrganisations || !slices.IsSorted(m.Organisations) || len(slices.Compact(slices.Clone(m.Organisations))) != n || m.Organisations[0] == "":
		return bad("its organisations are none, too many, out of order or one twice")
	case m.Quorum < 1 || m.Quorum > min(n, MaxReads):
		return bad("a quorum of %d among %d organisations", m.Quorum, n)
	case len(m.Configs) == 0 || len(m.Configs) > MaxConfigs:
		return bad("%d configurations", len(m.Configs))
	}
	return nil
}

// LoadTrust reads a trust folder: fabric.json and the configurations it names.
// What it refuses is an *Error.
func LoadTrust(fsys fs.FS) (*Trust, error) {
	raw, err := fs.ReadFile(fsys, ManifestFile)
	if err != nil {
		return nil, refuse(CheckTrust, MenderTrust, "%v", err)
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return nil, err
	}
	t := &Trust{
		channel: m.Channel, chaincode: m.Chaincode, organisations: m.Organisations, quorum: m.Quorum, fingerprint: m.Fingerprint,
	}
	files := make([][]byte, len(m.Configs))
	for i, pinned := range m.Configs {
		if files[i], err = pinned.read(fsys); err != nil {
			return nil, err
		}
	}
	for i, pinned := range m.Configs {
		c, err := pinned.parse(files[i])
		if err != nil {
			return nil, err
		}
		if n := len(t.configs); n > 0 && (c.from.Before(t.configs[n-1].from) || c.sequence <= t.configs[n-1].sequence) {
			return nil, refuse(CheckTrust, MenderTrust, "%s is out of order", pinned.File)
		}
		t.configs = append(t.configs, c)
	}
	for _, msp := range t.organisations {
		if !slices.ContainsFunc(t.configs, func(c *configuration) bool { return c.members[msp] != nil }) {
			return nil, refuse(CheckTrust, MenderTrust, "organisation %q is a member in no configuration", msp)
		}
	}
	return t, nil
}

func (p Pinned) read(fsys fs.FS) ([]byte, error) {
	raw, err := fs.ReadFile(fsys, p.File)
	if err != nil {
		return nil, refuse(CheckTrust, MenderTrust, "%v", err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != p.SHA256 {
		return nil, refuse(CheckFingerprint, MenderTrust, "%s is not what was pinned", p.File)
	}
	return raw, nil
}

func (p Pinned) parse(raw []byte) (*configuration, error) {
	from, err := time.Parse(time.RFC3339, p.From)
	if err != nil || from.UTC().Format(time.RFC3339) != p.From {
		return nil, refuse(CheckTrust, MenderTrust, "%q: malformed time", p.File)
	}
	c, err := parseConfig(raw)
	if err != nil {
		return nil, refuse(CheckConfiguration, MenderTrust, "%s: %v", p.File, err)
	}
	if p.File != ConfigFile(c.sequence) {
		return nil, refuse(CheckConfiguration, MenderTrust, "%q holds sequence %d", p.File, c.sequence)
	}
	c.from = from
	return c, nil
}

// ConfigFile is the name of a configuration in a trust folder.
func ConfigFile(sequence uint64) string { return fmt.Sprintf("config-%d.pb", sequence) }

// inForce is the newest configuration that came into force before.
func (t *Trust) inForce(at time.Time) *configuration {
	for _, c := range slices.Backward(t.configs) {
		if !at.Before(c.from) {
			return c
		}
	}
	return nil
}

// Channel is the channel's name.
func (t *Trust) Channel() string { return t.channel }

// Chaincode is the chaincode's name.
func (t *Trust) Chaincode() string { return t.chaincode }

// Organisations are the MSP ids whose peers count.
func (t *Trust) Organisations() []string { return slices.Clone(t.organisations) }

// Quorum is how many of them have to report.
func (t *Trust) Quorum() int { return t.quorum }

// Fingerprint identifies the folder, everything in it included, to be compared
// by another way.
func (t *Trust) Fingerprint() string { return t.fingerprint }
