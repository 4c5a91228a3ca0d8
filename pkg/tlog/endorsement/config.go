package endorsement

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// configuration is a pinned common.Config: the organisations of the channel's
// application, by MSP id.
type configuration struct {
	sequence uint64
	from     time.Time
	members  map[string]*organisation
}

// MaxConfig bounds a channel configuration in bytes.
const MaxConfig = 4 << 20

// parseConfig reads common.Config as far as peers' identities are concerned:
// the groups below Application, and the MSP in each.
func parseConfig(raw []byte) (*configuration, error) {
	if len(raw) > MaxConfig {
		return nil, fmt.Errorf("longer than %d bytes", MaxConfig)
	}
	f := read(raw)
	c := &configuration{sequence: f.varint(1), members: map[string]*organisation{}}
	root, _ := f.message(2)
	if err := f.end("configuration"); err != nil {
		return nil, err
	}
	channel, err := parseGroup(root)
	if err != nil {
		return nil, err
	}
	application, err := parseGroup(channel.groups["Application"])
	if err != nil {
		return nil, err
	}
	for name, raw := range application.groups {
		member, err := parseGroup(raw)
		if err != nil {
			return nil, fmt.Errorf("organisation %q: %w", name, err)
		}
		if err := c.add(member.values["MSP"]); err != nil {
			return nil, fmt.Errorf("organisation %q: %w", name, err)
		}
	}
	if len(c.members) == 0 {
		return nil, errors.New("no organisation below Application")
	}
	return c, nil
}

// group is a common.ConfigGroup.
type group struct{ groups, values map[string][]byte }

func parseGroup(raw []byte) (group, error) {
	f := read(raw)
	f.varint(1) // version
	groups, values := f.each(2), f.each(3)
	f.each(4) // policies
	f.may(5)  // who may change it
	if err := f.end("group"); err != nil {
		return group{}, err
	}
	var g group
	var err error
	if g.groups, err = entries(groups); err != nil {
		return group{}, err
	}
	g.values, err = entries(values)
	return g, err
}

// entries reads the entries of a map; each key once.
func entries(raw [][]byte) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, entry := range raw {
		f := read(entry)
		key := string(f.need(1))
		value, _ := f.message(2)
		if err := f.end("map entry"); err != nil {
			return nil, err
		}
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("%q twice", key)
		}
		all[key] = value
	}
	return all, nil
}

// The MSP type whose identities are X.509 certificates (msp.ProviderType).
const typeFabric = 0

// add reads a common.ConfigValue that holds an msp.MSPConfig.
func (c *configuration) add(raw []byte) error {
	f := read(raw)
	f.varint(1)
	msp := f.need(2)
	f.may(3)
	if err := f.end("MSP value"); err != nil {
		return err
	}
	f = read(msp)
	kind, config := f.varint(1), f.need(2)
	if err := f.end("MSP"); err != nil {
		return err
	}
	if kind != typeFabric {
		return nil // Idemix: nobody of it is a peer
	}
	o, err := parseMSP(config)
	if err != nil {
		return err
	}
	if c.members[o.msp] != nil {
		return fmt.Errorf("MSP %q twice", o.msp)
	}
	c.members[o.msp] = o
	return nil
}

// parseMSP reads msp.FabricMSPConfig.
func parseMSP(raw []byte) (*organisation, error) {
	f := read(raw)
	o := &organisation{msp: string(f.need(1))}
	roots, intermediates := f.each(2), f.each(3)
	f.each(4) // administrators by certificate
	lists := f.each(5)
	units := f.each(7) // 6, a private key, has no place in a channel
	crypto, _ := f.message(8)
	f.each(9)
	f.each(10) // TLS
	nodes, _ := f.message(11)
	if err := f.end("MSP configuration"); err != nil {
		return nil, err
	}
	if err := checkHashes(crypto); err != nil {
		return nil, err
	}
	if err := o.setCertificates(roots, intermediates); err != nil {
		return nil, err
	}
	if err := o.setRevoked(lists); err != nil {
		return nil, err
	}
	return o, o.setUnits(units, nodes)
}

// checkHashes reads msp.FabricCryptoConfig; what is absent is SHA-256.
func checkHashes(raw []byte) error {
	f := read(raw)
	family, identifiers := string(f.may(1)), string(f.may(2))
	if err := f.end("crypto"); err != nil {
		return err
	}
	if family != "" && family != "SHA2" || identifiers != "" && identifiers != "SHA256" {
		return fmt.Errorf("hashes %q and %q are not SHA-256", family, identifiers)
	}
	return nil
}

// certificate reads one PEM certificate, with nothing after it.
func certificate(raw []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return nil, errors.New("not one PEM certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return c, nil
}
