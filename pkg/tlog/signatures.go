package tlog

import (
	"crypto/ed25519"
	"encoding/base64"

	"golang.org/x/mod/sumdb/note"
)

// LogSignatures are the bare signatures that the policy's keys of the log made
// of a checkpoint, in its order, for who knows the keys alone and checks them
// over origin, size and root. None of a checkpoint with extension lines, or that
// does not open.
func (p Policy) LogSignatures(signed []byte) (all [][]byte) {
	var known []note.Verifier
	for _, l := range p.Logs {
		known = append(known, verifier{l.Key})
	}
	opened, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return nil
	}
	c, err := parseCheckpoint(opened.Text)
	if err != nil || opened.Text != headText(c.Origin, c.Size, c.Root) {
		return nil
	}
	for _, s := range opened.Sigs {
		raw, err := base64.StdEncoding.DecodeString(s.Base64)
		if err == nil && s.Name == c.Origin && len(raw) == 4+ed25519.SignatureSize { // after the key id
			all = append(all, raw[4:])
		}
	}
	return all
}
