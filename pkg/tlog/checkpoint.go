package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrCheckpoint says that bytes are no checkpoint.
	ErrCheckpoint = errors.New("malformed checkpoint")
	// ErrUnsigned says that no log of the policy signed the checkpoint, or
	// that a signature of a known key is wrong.
	ErrUnsigned = errors.New("checkpoint not signed by a known log")
	// ErrUnwitnessed says that the log signed, but too few witnesses did.
	ErrUnwitnessed = errors.New("UNWITNESSED: checkpoint lacks a quorum of witnesses")
)

// Checkpoint is a signed tree head (C2SP tlog-checkpoint) that was opened.
type Checkpoint struct {
	Origin    string
	Size      int64
	Root      Hash
	Note      []byte   // as it came, with signatures
	Witnesses []string // names, in the policy, of those who cosigned
	// Cosigned is the latest time that one of them gave; zero: none did. It is
	// that witness's word.
	Cosigned time.Time
}

// NewCheckpoint signs a tree head, while a log's key is changed with both keys:
// the signers are of one name.
func NewCheckpoint(s Signer, size int64, root Hash, more ...Signer) ([]byte, error) {
	text := headText(s.Name(), size, root)
	signed, err := note.Sign(&note.Note{Text: text}, append([]Signer{s}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return signed, nil
}

// headText is the text of a note without extension lines.
func headText(origin string, size int64, root Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

// parseCheckpoint reads the text of a note (C2SP tlog-checkpoint, Note text).
// Extension lines are allowed and mean nothing here.
func parseCheckpoint(text string) (Checkpoint, error) {
	body, ok := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 {
		return Checkpoint{}, ErrCheckpoint
	}
	for _, line := range lines {
		if line == "" {
			return Checkpoint{}, ErrCheckpoint
		}
	}
	size, err := decimal(lines[1])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: size", ErrCheckpoint)
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: root", ErrCheckpoint)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// Peek reads a checkpoint without checking any signature, to say what somebody
// claims. Nothing may be decided by it.
func Peek(signed []byte) (Checkpoint, error) {
	text, _, err := split(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := parseCheckpoint(text)
	c.Note = signed
	return c, err
}

// Merge adds signature lines to a note, leaving out those it has.
func Merge(signed, lines []byte) ([]byte, error) {
	_, signatures, err := split(signed)
	if err != nil {
		return nil, err
	}
	out, have := string(signed), string(signatures)
	for line := range strings.Lines(string(lines)) {
		if !strings.HasPrefix(line, "— ") || !strings.HasSuffix(line, "\n") {
			return nil, fmt.Errorf("%w: signature line", ErrCheckpoint)
		}
		if !strings.Contains("\n"+have, "\n"+line) {
			out, have = out+line, have+line
		}
	}
	return []byte(out), nil
}

// Cosign checks nothing: it signs the text of a checkpoint that its caller has
// verified, and gives the signature line.
func Cosign(s Signer, signed []byte) ([]byte, error) {
	text, _, err := split(signed)
	if err != nil {
		return nil, err
	}
	alone, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	return alone[len(text)+1:], nil
}

func split(signed []byte) (text string, signatures []byte, err error) {
	i := bytes.LastIndex(signed, []byte("\n\n"))
	if i < 0 {
		return "", nil, ErrCheckpoint
	}
	return string(signed[:i+1]), signed[i+2:], nil
}

// decimal reads a number without sign or leading zeroes.
func decimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("malformed number")
	}
	return n, nil
}

func parseHash[T string | []byte](s T) (h Hash, err error) {
	var room [len(h) + 1]byte // what 44 characters may hold
	if len(s) != base64.StdEncoding.EncodedLen(len(h)) {
		return h, errors.New("malformed hash")
	}
	n, err := base64.StdEncoding.Strict().Decode(room[:], []byte(s))
	if err != nil || n != len(h) { // the decoder skips line breaks: then there are fewer
		return h, errors.New("malformed hash")
	}
	return Hash(room[:n]), nil
}
