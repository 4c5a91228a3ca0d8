package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// logKeyOf is one of the log's keys, in the order in which they follow one
// another.
type logKeyOf struct {
	key     tlog.Key
	signer  tlog.Signer    // nil: the private half of a retired key was destroyed
	change  tlog.KeyChange // to this key; the first has none
	retired time.Time      // zero: it stays
}

// loadLog reads the log's keys. The private half of a key may be missing only
// once it is retired.
func (r *Ring) loadLog() error {
	for n := 1; ; n++ {
		private, public, change := logFiles(n)
		if n > 1 {
			gone, err := missing(filepath.Join(r.dir, change))
			if err != nil {
				return err
			}
			if gone {
				return r.wholeLog()
			}
		}
		k, err := r.loadLogKey(private, public)
		if err != nil {
			return err
		}
		if n > 1 {
			if k.change, err = r.follow(k.key, change); err != nil {
				return err
			}
		}
		r.log = append(r.log, k)
	}
}

// wholeLog says whether every key that may have to sign can.
func (r *Ring) wholeLog() error {
	for _, k := range r.log {
		if k.signer == nil && (k.retired.IsZero() || time.Now().Before(k.retired)) {
			return fmt.Errorf("the private key of %s is missing, and it is not retired", k.key)
		}
	}
	return nil
}

// logFiles are the files of the n-th key: the private one, the public one, and
// the change to it.
func logFiles(n int) (private, public, change string) {
	if n == 1 {
		return logKey, logPublic, ""
	}
	private = fmt.Sprintf(nextLogKey, n)
	stem := strings.TrimSuffix(private, ".pem")
	return private, stem + ".vkey", stem + ".change"
}

func (r *Ring) loadLogKey(private, public string) (logKeyOf, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, public))
	if err != nil {
		return logKeyOf{}, err
	}
	k := logKeyOf{}
	if k.key, err = tlog.ParseKey(strings.TrimSpace(string(text))); err != nil {
		return logKeyOf{}, fmt.Errorf("%s: %w", public, err)
	}
	key, err := readEd25519(filepath.Join(r.dir, private))
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return logKeyOf{}, err
	}
	if !k.key.Public.Equal(key.Public()) {
		return logKeyOf{}, fmt.Errorf("%s: not the key of %s", public, private)
	}
	k.signer, err = tlog.NewSigner(k.key.Name, key)
	return k, err
}

// follow reads the change from the last key to this one.
func (r *Ring) follow(next tlog.Key, file string) (tlog.KeyChange, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		return tlog.KeyChange{}, err
	}
	c, err := tlog.ParseKeyChange(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	last := &r.log[len(r.log)-1]
	if c.Old.String() != last.key.String() || c.New.String() != next.String() {
		return c, fmt.Errorf("%s: a change between other keys", file)
	}
	last.retired = c.Retired
	return c, nil
}

// LogSigners are those who sign the log's checkpoints at a time: one, or two
// while the key is being changed.
func (r *Ring) LogSigners(now time.Time) []tlog.Signer {
	var all []tlog.Signer
	for _, k := range r.log {
		begun := k.change.Active.IsZero() || !now.Before(k.change.Active)
		if begun && (k.retired.IsZero() || now.Before(k.retired)) {
			all = append(all, k.signer)
		}
	}
	return all
}

// LogKeys are the log's verifier keys, oldest first, with the time when each is
// retired; their name is the origin.
func (r *Ring) LogKeys() []tlog.Log {
	var all []tlog.Log
	for _, k := range r.log {
		all = append(all, tlog.Log{Key: k.key, Until: k.retired})
	}
	return all
}

// LogChanges are the changes of the log's key, oldest first.
func (r *Ring) LogChanges() []tlog.KeyChange {
	var all []tlog.KeyChange
	for _, k := range r.log[1:] {
		all = append(all, k.change)
	}
	return all
}

// RotateLog makes the log's next key, and has both keys sign the change. The
// change is written last: without it there is no next key.
func RotateLog(dir string, active, retired time.Time) (tlog.KeyChange, error) {
	r := &Ring{dir: dir}
	if err := r.loadLog(); err != nil {
		return tlog.KeyChange{}, err
	}
	last := r.log[len(r.log)-1]
	if begun := last.change; !begun.Retired.IsZero() && time.Now().Before(begun.Retired) {
		return tlog.KeyChange{}, fmt.Errorf("the log's key is being changed already, until %s", begun.Retired.Format(time.RFC3339))
	}
	private, public, change := logFiles(len(r.log) + 1)
	// What an attempt left that did not come to the change was never used.
	for _, left := range []string{private, public} {
		if err := os.Remove(filepath.Join(dir, left)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return tlog.KeyChange{}, err
		}
	}
	_, made, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tlog.KeyChange{}, err
	}
	next := tlog.LogKey(last.key.Name, made.Public().(ed25519.PublicKey))
	signer, err := tlog.NewSigner(next.Name, made)
	if err != nil {
		return tlog.KeyChange{}, err
	}
	c, err := tlog.NewKeyChange(tlog.KeyChange{Old: last.key, New: next, Active: active, Retired: retired}, last.signer, signer)
	if err != nil {
		return c, err
	}
	g := generator{dir: dir}
	text, err := keyPEM(made)
	if err != nil {
		return c, err
	}
	g.write(private, text, true)
	g.write(public, []byte(next.String()+"\n"), false)
	g.write(change, c.Note, false)
	return c, g.err
}
