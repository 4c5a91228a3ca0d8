package anchor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrFork says that the log shows a tree of which what is anchored is no
// beginning: it has two histories.
var ErrFork = errors.New("the log contradicts its anchor")

// Fork is the evidence: what is anchored, and what the log shows.
type Fork struct {
	Origin   string    `json:"origin"`
	Anchored Anchor    `json:"anchored"`
	Shown    Anchor    `json:"shown"` // Note is the checkpoint, its proof is empty; or what the ledger showed
	At       time.Time `json:"at"`
}

func (f *Fork) Error() string {
	return fmt.Sprintf("%v: %s has size %d with root %s anchored, and shows size %d with root %s, which does not continue it; nothing is anchored until a person has looked at %s and moved it away",
		ErrFork, f.Origin, f.Anchored.Size, f.Anchored.Root, f.Shown.Size, f.Shown.Root, forkFile)
}

func (f *Fork) Unwrap() error { return ErrFork }

// Alarm implements Outbox.
func (f *Folder) Alarm(fork Fork) error { return f.write(forkFile, fork) }

// Alarmed implements Outbox.
func (f *Folder) Alarmed() (*Fork, error) {
	text, err := os.ReadFile(filepath.Join(f.name, forkFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("anchorer state: %w", err)
	}
	fork := new(Fork)
	if err := json.Unmarshal(text, fork); err != nil {
		return nil, fmt.Errorf("%s: %w", forkFile, err)
	}
	return fork, nil
}
