package tlog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// MaxCheckpoint bounds a checkpoint in bytes, signatures and all.
const MaxCheckpoint = 64 << 10

// Open checks a checkpoint: signed by a log of the policy under the origin it
// names, cosigned by a quorum. With ErrUnwitnessed the Checkpoint is filled
// too: the log said it, and nobody vouches that it says the same to others.
// Signatures of unknown keys are ignored, a wrong one of a known key refuses
// the whole (C2SP signed-note, Signatures).
func (p Policy) Open(signed []byte) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, ErrCheckpoint
	}
	var known []note.Verifier
	names, ends := map[sigID]string{}, map[sigID]time.Time{}
	for _, l := range p.Logs {
		known = append(known, p.verifier(l.Key))
		ends[sigID{l.Key.Name, l.Key.KeyHash()}] = l.Until
	}
	for _, w := range p.Witnesses {
		known = append(known, p.verifier(w.Key))
		names[sigID{w.Key.Name, w.Key.KeyHash()}] = w.Name
	}
	opened, err := note.Open(signed, note.VerifierList(known...))
	if err != nil {
		return Checkpoint{}, noteError(err)
	}
	c, err := parseCheckpoint(opened.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	c.Note = signed
	var by []time.Time // ends of the log's keys that signed
	at := map[string]time.Time{}
	for _, s := range opened.Sigs {
		id := sigID{s.Name, s.Hash}
		if name, ok := names[id]; ok {
			c.Witnesses = append(c.Witnesses, name)
			if at[name] = cosignedAt(s.Base64); at[name].After(c.Cosigned) {
				c.Cosigned = at[name]
			}
		} else if s.Name == c.Origin { // C2SP tlog-policy: the key's name is the origin
			by = append(by, ends[id])
		}
	}
	return p.judge(c, by, at)
}

// judge says whether those who signed are enough: a key in force or, of one that
// was retired, the quorum of witnesses that cosigned before.
func (p Policy) judge(c Checkpoint, by []time.Time, at map[string]time.Time) (Checkpoint, error) {
	if len(by) == 0 {
		return Checkpoint{}, ErrUnsigned
	}
	if !p.Quorum(c.Witnesses) {
		return c, ErrUnwitnessed
	}
	for _, until := range by {
		if until.IsZero() || p.inForce(until, at) {
			return c, nil
		}
	}
	return Checkpoint{}, ErrRetired
}

// cosignedAt is the time in a cosignature that was verified (C2SP
// tlog-cosignature, Format): after the key id, before the signature.
func cosignedAt(signature string) time.Time {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(raw) < 4+8 {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0) //nolint:gosec // G115: the verifier refuses 1<<63 and more
}

type sigID struct {
	name string
	hash uint32
}

func noteError(err error) error {
	_, unknown := errors.AsType[*note.UnverifiedNoteError](err)
	_, wrong := errors.AsType[*note.InvalidSignatureError](err)
	if unknown || wrong {
		return fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	return fmt.Errorf("%w: %w", ErrCheckpoint, err)
}
