package anchor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Schema is the schema_version of an outbox.
const Schema = "mydata-anchorer/1"

// Step is how far an entry of the outbox is.
type Step string

// The steps, in their order. What follows Read is that the outbox is empty.
const (
	Chosen    Step = "chosen"    // the checkpoint is; nothing was asked of the ledger that lasts
	Prepared  Step = "prepared"  // endorsed and signed; perhaps submitted
	Submitted Step = "submitted" // the ledger took it, and may lose it
	Settled   Step = "committed" // valid in a block
	ReadBack  Step = "read"      // the proof is here
)

// Anchor is a checkpoint on the ledger.
type Anchor struct {
	Size  int64     `json:"size"`
	Root  tlog.Hash `json:"root"`
	Note  []byte    `json:"note,omitempty"` // the checkpoint; absent when another process anchored it
	Proof []byte    `json:"proof"`
	At    time.Time `json:"at"`
}

// Entry is what is under way.
type Entry struct {
	Step  Step      `json:"step"`
	Put   Put       `json:"put"`
	Note  []byte    `json:"note,omitempty"`
	TxID  string    `json:"tx_id,omitempty"`
	Bytes []byte    `json:"bytes,omitempty"`
	Proof []byte    `json:"proof,omitempty"`
	Since time.Time `json:"since"`
}

// State is all that an anchorer remembers.
type State struct {
	SchemaVersion string    `json:"schema_version"`
	Origin        string    `json:"origin"`
	Covered       int64     `json:"covered"`           // entries of the log whose digests rode, ride or wait
	Waiting       []Digest  `json:"waiting,omitempty"` // that did not fit
	Last          *Anchor   `json:"last,omitempty"`
	Next          *Entry    `json:"next,omitempty"`
	Spent         time.Time `json:"spent"` // when a transaction was prepared last
	Count         int64     `json:"count"` // of transactions prepared
}

// Outbox keeps the state. Load gives what a Save that returned nil wrote last,
// or the zero State; after a Save that failed it may be either. Alarm keeps
// evidence of a fork beside it; Alarmed gives it back.
type Outbox interface {
	Load() (State, error)
	Save(s State) error
	Alarm(f Fork) error
	Alarmed() (*Fork, error)
}

// The files of an anchorer, in its folder.
const (
	outboxFile = "outbox.json"
	forkFile   = "fork.json"
	lockFile   = "lock"
	maxOutbox  = 16 << 20
)

// Folder is an Outbox in files, each replaced whole and synced.
type Folder struct {
	name string
	lock io.Closer
}

// OpenFolder makes the folder where it is missing and keeps a second anchorer
// out of it until Close.
func OpenFolder(name string) (*Folder, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("anchorer state: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(name, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("anchorer state: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("anchorer state %s is in use by another process: %w", name, err), file.Close())
	}
	return &Folder{name, file}, nil
}

// Close lets another process in.
func (f *Folder) Close() error { return f.lock.Close() }

// Load implements Outbox.
func (f *Folder) Load() (State, error) { return ReadState(f.name) }

// ReadState reads the state in a folder that an anchorer may be using.
func ReadState(folder string) (State, error) {
	file := filepath.Join(folder, outboxFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("anchorer state: %w", err)
	}
	s, err := ParseState(text)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// ErrState says that a file is no state of an anchorer.
var ErrState = errors.New("malformed state of an anchorer")

// ParseState reads what Save writes.
func ParseState(text []byte) (State, error) {
	var s State
	if len(text) > maxOutbox {
		return State{}, ErrState
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	if s.SchemaVersion != Schema || s.Covered < 0 || s.Last != nil && s.Last.Size < 0 {
		return State{}, fmt.Errorf("%w: another version", ErrState)
	}
	if n := s.Next; n != nil {
		signed := n.Step == Prepared || n.Step == Submitted || n.Step == Settled
		known := signed || n.Step == Chosen || n.Step == ReadBack
		if !known || signed && (len(n.Bytes) == 0 || n.TxID == "") || n.Step == ReadBack && len(n.Proof) == 0 || n.Put.Origin != s.Origin {
			return State{}, fmt.Errorf("%w: step %q", ErrState, n.Step)
		}
	}
	return s, nil
}

// Save implements Outbox.
func (f *Folder) Save(s State) error { return f.write(outboxFile, s) }

func (f *Folder) write(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := durable.Replace(filepath.Join(f.name, name), append(text, '\n')); err != nil {
		return fmt.Errorf("anchorer state: %w", err)
	}
	return nil
}
