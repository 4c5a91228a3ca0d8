package monitor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Prover asks the log for the inclusion of a leaf; fs.ErrNotExist: it is not
// there, or not yet. audit.HTTP is one.
type Prover interface {
	Proof(ctx context.Context, leaf tlog.Hash) ([]byte, error)
}

// Bounds of a folder of promises.
const (
	maxPromiseFile  = 64 << 10
	maxPromiseFiles = 10_000
)

// promise is a leaf and the time by which it has to be in the log.
type promise struct {
	leaf     tlog.Hash
	deadline time.Time
	text     string // as it was given: evidence
}

// parsePromises reads a file of promises, one a line: the hub's signed promise
// (mydata-promise+jwt), or a leaf's hash in base64url and a deadline in Unix
// seconds, the word of whoever wrote the file. # begins a remark.
func parsePromises(text []byte, hub jose.JSONWebKeySet, issuer string) ([]promise, error) {
	if len(text) > maxPromiseFile {
		return nil, fmt.Errorf("longer than %d bytes", maxPromiseFile)
	}
	var all []promise
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p, err := parsePromise(line, hub, issuer)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func parsePromise(line string, hub jose.JSONWebKeySet, issuer string) (promise, error) {
	leaf, deadline, plain := strings.Cut(line, " ")
	p := promise{text: line}
	var seconds int64
	var err error
	if plain {
		if seconds, err = strconv.ParseInt(deadline, 10, 64); err != nil || seconds < 1 {
			return p, errors.New("the deadline is no time")
		}
	} else {
		c, err := consent.OpenPromise(line, hub)
		if err != nil {
			return p, err
		}
		if c.Issuer != issuer {
			return p, fmt.Errorf("promised by %q", c.Issuer)
		}
		leaf, seconds = c.Leaf, c.Deadline
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(leaf)
	if err != nil || len(raw) != len(p.leaf) {
		return p, errors.New("the leaf is no hash")
	}
	p.leaf, p.deadline = tlog.Hash(raw), time.Unix(seconds, 0).UTC()
	return p, nil
}

// promised is what is remembered of a file of promises, however many it holds: which
// of them were kept. It holds for a file that goes on as this one.
type promised struct {
	Bytes int    `json:"bytes"`          // of the file as it was read
	Sum   []byte `json:"sum"`            // SHA-256 of them
	Kept  []byte `json:"kept,omitempty"` // a bit for each promise, in their order
}

// reads is what holds of a file as it is now, of n promises.
func (p *promised) reads(text []byte, n int) *promised {
	sum := sha256.Sum256(text)
	now := &promised{Bytes: len(text), Sum: sum[:], Kept: make([]byte, (n+7)/8)}
	if p != nil && p.Bytes <= len(text) {
		if before := sha256.Sum256(text[:p.Bytes]); bytes.Equal(p.Sum, before[:]) {
			copy(now.Kept, p.Kept)
		}
	}
	return now
}

func (p *promised) kept(i int) bool { return p.Kept[i/8]&(1<<(i%8)) != 0 }

func (p *promised) keep(i int) { p.Kept[i/8] |= 1 << (i % 8) }

// kept is how many promises were, of those that files hold.
func (m *memory) kept() (n int) {
	for _, p := range m.Files {
		for _, b := range p.Kept {
			n += bits.OnesCount8(b)
		}
	}
	return n
}

// promises looks for each leaf that was promised and not seen yet. What is
// remembered is of files that are there.
func (r *round) promises(ctx context.Context) {
	if r.o.Promises == nil {
		return
	}
	files, err := fs.ReadDir(r.o.Promises, ".")
	if err != nil {
		r.find("promises unreadable", audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("promises: %v", err)})
		return
	}
	if len(files) > maxPromiseFiles {
		r.find("promises too many", audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("more than %d files of promises", maxPromiseFiles)})
		files = files[:maxPromiseFiles]
	}
	seen := map[string]*promised{}
	for _, file := range files {
		if file.IsDir() || strings.HasPrefix(file.Name(), ".") {
			continue
		}
		text, all, err := r.promiseFile(file.Name())
		before := r.memory.Files[file.Name()]
		if err != nil {
			if before != nil {
				seen[file.Name()] = before
			}
			r.find("promises unreadable "+file.Name(), audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("promises %s: %v", file.Name(), err)})
			continue
		}
		now := before.reads(text, len(all))
		for i, p := range all {
			if ctx.Err() != nil {
				return
			}
			if !now.kept(i) && r.promise(ctx, p) {
				now.keep(i)
			}
		}
		seen[file.Name()] = now
	}
	r.memory.Files, r.memory.Promises = seen, nil
}

func (r *round) promiseFile(name string) (text []byte, all []promise, err error) {
	file, err := r.o.Promises.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if text, err = io.ReadAll(io.LimitReader(file, maxPromiseFile+1)); err != nil {
		return nil, nil, err
	}
	all, err = parsePromises(text, r.o.Hub, r.o.Issuer)
	return text, all, err
}

// promise is kept once its leaf was proven in a witnessed checkpoint of the log
// that we follow. What is not proven by the deadline is broken, also when it
// comes later.
func (r *round) promise(ctx context.Context, p promise) (kept bool) {
	key := base64.RawURLEncoding.EncodeToString(p.leaf[:])
	if _, kept := r.memory.Promises[key]; kept {
		return true
	}
	err := r.included(ctx, p.leaf)
	switch {
	case err == nil:
		return true
	case errors.Is(err, errNotAsked):
		r.find("promises unreadable", audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("proofs: %v", err)})
	case r.now.After(p.deadline):
		r.find("promise "+key, audit.Finding{Check: audit.Promise,
			Detail:   fmt.Sprintf("leaf %s was promised by %s: %v", key, p.deadline.Format(time.RFC3339), err),
			Evidence: []string{p.text}})
	}
	return false
}

// errNotAsked says that the log did not answer: nothing follows for the promise.
var errNotAsked = errors.New("the log did not answer")

func (r *round) included(ctx context.Context, leaf tlog.Hash) error {
	text, err := r.o.Prover.Proof(ctx, leaf)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the log does not have it")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNotAsked, err)
	}
	proof, err := tlog.ParseProof(text)
	if err != nil {
		return err
	}
	c, err := r.o.Policy.Open(proof.Checkpoint)
	if err != nil {
		return err
	}
	if err := tlog.CheckInclusion(proof.Path, c.Size, c.Root, proof.Index, leaf); err != nil {
		return err
	}
	last, _ := r.last()
	before, now := c, last
	if c.Size > last.Size {
		before, now = last, c
	}
	if f := audit.Continues(ctx, r.o.Log, before, now); f != nil {
		if f.Check == audit.Unreadable {
			return fmt.Errorf("%w: %w", errNotAsked, f)
		}
		r.find(fmt.Sprintf("log %s %d %s", f.Check, before.Size, before.Root), *f)
		return fmt.Errorf("proven in another log: %w", f)
	}
	return r.followed(proof.Index, c, last)
}

// followed asks that the leaf is in the tree that is followed: of what goes further
// there may be several, each shown to somebody else.
func (r *round) followed(index int64, c, last tlog.Checkpoint) error {
	switch {
	case index < last.Size:
		return nil
	case r.shown != last.Size:
		return fmt.Errorf("%w: what is new in it was not read", errNotAsked)
	}
	return fmt.Errorf("it is proven in size %d alone, and the log shows %d", c.Size, last.Size)
}
