package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// prepareCatalogue writes catalogue.json anew only when what it would say has
// changed, since the agencies' entries carry the time of their signing.
func (s *stage) prepareCatalogue(all []listed) error {
	path := s.path("catalogue.json")
	c := catalogue.Catalogue{Version: 1, DataSets: dataSets, Purposes: purposes, Templates: templates}
	said := []any{&c}
	for _, a := range all {
		c.Agencies = append(c.Agencies, catalogue.Agency{ID: a.id, Jurisdiction: "KR", ResidentID: a.residents})
		said = append(said, a.entry)
	}
	wanted, err := json.Marshal(said)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(wanted)
	stamp := base64.RawURLEncoding.EncodeToString(sum[:])
	old, version, err := readVersion(path)
	if err != nil || old == stamp {
		return err
	}
	c.Version = version + 1
	for i, a := range all {
		a.entry.IssuedAt = s.now().Unix()
		compact, err := catalogue.SignEntry(a.entry, a.key, [][]byte{a.chain[0].Raw})
		if err != nil {
			return err
		}
		if c.Agencies[i], err = a.entry.Apply(c.Agencies[i], compact); err != nil {
			return err
		}
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if err := writeJSON(path, c, 0o644); err != nil {
		return err
	}
	return writeFile(path+".of", []byte(stamp), 0o644)
}

// readVersion tells what the last catalogue was made of, and its version.
func readVersion(path string) (stamp string, version int64, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	var last struct {
		Version int64 `json:"version"`
	}
	if err := json.Unmarshal(text, &last); err != nil {
		return "", 0, err
	}
	of, err := os.ReadFile(path + ".of")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", 0, err
	}
	return string(of), last.Version, nil
}

func (a *agency) encryptionKeys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{named(a.encryption.Public(), "enc", string(jose.ECDH_ES))}}
}

// named is a key under its RFC 7638 thumbprint.
func named(key any, use, alg string) jose.JSONWebKey {
	k := jose.JSONWebKey{Key: key, Use: use, Algorithm: alg}
	sum, _ := k.Thumbprint(sha256Hash) // defined for every key that we make
	k.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return k
}
