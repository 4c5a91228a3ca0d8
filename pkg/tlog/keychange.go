package tlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// KindKeyChange is the kind of the statement that a log's key changes.
const KindKeyChange = "log-key-change"

// ErrKeyChange says that bytes are no change of a log's key, or are not signed
// by both keys.
var ErrKeyChange = errors.New("malformed change of a log's key")

// KeyChange says that a log changes its key: from Active on its checkpoints are
// signed by both, from Retired on by the new one alone.
type KeyChange struct {
	Old, New        Key
	Active, Retired time.Time // whole seconds
	Note            []byte    // signed by both: the old vouches, the new can sign
}

// keyChangeWord is the first line of the note that both keys sign. The second
// line of a checkpoint is a number, of this a key: neither passes for the other.
const keyChangeWord = "mydata/log-key-change/v1"

const maxKeyChange = 4 << 10

// NewKeyChange has both keys sign the change.
func NewKeyChange(c KeyChange, from, to Signer) (KeyChange, error) {
	text := fmt.Sprintf("%s\n%s\n%s\n%d\n%d\n", keyChangeWord, c.Old, c.New, c.Active.Unix(), c.Retired.Unix())
	signed, err := note.Sign(&note.Note{Text: text}, from, to)
	if err != nil {
		return KeyChange{}, fmt.Errorf("sign change of key: %w", err)
	}
	return ParseKeyChange(signed)
}

// ParseKeyChange reads a change and checks that it is what both keys signed. It
// says nothing of whether the old key is the log's: Rekey asks the policy.
func ParseKeyChange(signed []byte) (KeyChange, error) {
	if len(signed) > maxKeyChange {
		return KeyChange{}, ErrKeyChange
	}
	text, _, err := split(signed)
	if err != nil {
		return KeyChange{}, ErrKeyChange
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != keyChangeWord {
		return KeyChange{}, ErrKeyChange
	}
	c := KeyChange{Note: signed}
	var errs [4]error
	c.Old, errs[0] = ParseKey(lines[1])
	c.New, errs[1] = ParseKey(lines[2])
	c.Active, errs[2] = second(lines[3])
	c.Retired, errs[3] = second(lines[4])
	if err := errors.Join(errs[:]...); err != nil {
		return KeyChange{}, fmt.Errorf("%w: %w", ErrKeyChange, err)
	}
	if err := c.check(); err != nil {
		return KeyChange{}, fmt.Errorf("%w: %w", ErrKeyChange, err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier{c.Old}, verifier{c.New}))
	if err != nil {
		return KeyChange{}, fmt.Errorf("%w: %w", ErrKeyChange, err)
	}
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		return KeyChange{}, fmt.Errorf("%w: want the signatures of the old and the new key", ErrKeyChange)
	}
	return c, nil
}

func (c KeyChange) check() error {
	switch {
	case c.Old.IsWitness() || c.New.IsWitness():
		return errors.New("a log has a key of type 0x01")
	case c.Old.Name != c.New.Name:
		return errors.New("the keys are of two logs")
	case c.Old.Public.Equal(c.New.Public):
		return errors.New("the new key is the old one")
	case !c.Active.Before(c.Retired):
		return errors.New("the old key ends before the new one begins")
	}
	return nil
}

func second(s string) (time.Time, error) {
	n, err := decimal(s)
	if err != nil || n > 1<<40 {
		return time.Time{}, errors.New("malformed time " + strconv.Quote(s))
	}
	return time.Unix(n, 0).UTC(), nil
}

// Entry is the public entry that says so on the log.
func (c KeyChange) Entry() ([]byte, error) {
	return Statement(KindKeyChange, map[string]string{"note": string(c.Note)})
}

// ParseKeyChangeEntry reads what Entry wrote, and nothing else.
func ParseKeyChangeEntry(entry []byte) (KeyChange, error) {
	kind, body, err := ParseStatement(entry)
	if err != nil || kind != KindKeyChange {
		return KeyChange{}, errors.Join(ErrKeyChange, err)
	}
	var fields map[string]string
	if err := json.Unmarshal(body, &fields); err != nil || len(fields) != 1 {
		return KeyChange{}, ErrKeyChange
	}
	return ParseKeyChange([]byte(fields["note"]))
}
