package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/audit"
)

// The files of a monitor, in its folder.
const (
	stateFile      = "monitor.json"
	evidenceFolder = "evidence"
)

// memory is what a monitor must not forget.
type memory struct {
	Note  string           `json:"note,omitempty"` // the last checkpoint of which all was checked
	At    time.Time        `json:"at,omitzero"`    // when it was seen first
	Edge  *audit.Progress  `json:"edge,omitempty"` // of its tree
	Lists map[string]*list `json:"lists,omitempty"`
	// Documents are DID documents, by their DID.
	Documents map[string]*document `json:"documents,omitempty"`
	Files     map[string]*promised `json:"promise_files,omitempty"` // by the name of a file that is there
	Promises  map[string]int64     `json:"promises,omitempty"`      // kept, as older monitors wrote it: by leaf
	Grown     []grown              `json:"grown,omitempty"`         // sizes that wait for an anchor
	Ahead     int64                `json:"ahead,omitempty"`         // size of the newest anchor seen, perhaps not published yet
	Found     map[string]*told     `json:"found,omitempty"`         // by key
}

// told is a finding that lasts, or is there now.
type told struct {
	audit.Finding
	Since time.Time `json:"since"`
	Told  time.Time `json:"told,omitzero"`
}

// maxState bounds the file.
const maxState = 64 << 20

// recall reads the state of a folder; a fresh one is empty.
func recall(folder string) (memory, error) {
	m := memory{Lists: map[string]*list{}, Documents: map[string]*document{}, Found: map[string]*told{}}
	file := filepath.Join(folder, stateFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("monitor state: %w", err)
	}
	if m, err = parseState(text); err != nil {
		return m, fmt.Errorf("monitor state %s: %w: put the folder aside and begin with a new one; what it remembered is evidence", file, err)
	}
	return m, nil
}

func parseState(text []byte) (memory, error) {
	m := memory{Lists: map[string]*list{}, Documents: map[string]*document{}, Found: map[string]*told{}}
	if len(text) > maxState {
		return m, errors.New("too long")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return m, errors.New("more than a state")
	}
	for _, l := range m.Lists {
		if l == nil {
			return m, errors.New("a list without content")
		}
	}
	for _, d := range m.Documents {
		if d == nil {
			return m, errors.New("a DID document without content")
		}
	}
	for _, f := range m.Found {
		if f == nil || f.ExitCode() == 0 {
			return m, errors.New("a finding without a name")
		}
	}
	for _, p := range m.Files {
		if p == nil || p.Bytes < 0 {
			return m, errors.New("a file of promises without content")
		}
	}
	if (m.Note == "") != (m.Edge == nil) {
		return m, errors.New("a checkpoint without its tree")
	}
	if m.Edge != nil {
		if _, err := m.Edge.At(); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *memory) save(folder string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // or a letter of a log would be six of ours
	err := e.Encode(m)
	if err == nil {
		err = durable.Replace(filepath.Join(folder, stateFile), text.Bytes())
	}
	if err != nil {
		return fmt.Errorf("monitor state: %w", err)
	}
	return nil
}

// maxTimes bounds how often evidence of the same finding is kept.
const maxTimes = 64

// keepEvidence writes the signed notes of a finding, so that they outlive the
// state and can be handed on; those of the same finding at another time beside
// the first ones.
func keepEvidence(folder, name string, notes []string) error {
	folder = filepath.Join(folder, evidenceFolder)
	for i, note := range notes {
		for times := range maxTimes {
			file := filepath.Join(folder, fmt.Sprintf("%s-%d.txt", name, times*len(notes)+i+1))
			kept, err := os.ReadFile(file)
			if err == nil && string(kept) == note {
				break
			}
			if err == nil {
				continue
			}
			if err := errors.Join(os.MkdirAll(folder, 0o700), durable.Replace(file, []byte(note))); err != nil {
				return fmt.Errorf("monitor evidence: %w", err)
			}
			break
		}
	}
	return nil
}
