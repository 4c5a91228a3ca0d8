package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// pending is a transaction under way, and what was anchored last.
type pending struct {
	Schema    string    `json:"schema_version"`
	Size      int64     `json:"size"` // of the checkpoint under way; 0: none
	Root      tlog.Hash `json:"root"`
	LogSigned [][]byte  `json:"log_signed,omitempty"` // the log's own signatures of it
	TxID      string    `json:"tx_id,omitempty"`
	Payload   []byte    `json:"payload,omitempty"` // of the envelope
	Signature []byte    `json:"signature,omitempty"`
	LastSize  int64     `json:"last_size"` // anchored last
	LastRoot  tlog.Hash `json:"last_root"`
	Spent     time.Time `json:"spent"`
}

const schema = "mydata-sdkanchor/1"

// outbox is the file of the pending transaction, and what keeps another process out
// of its folder for as long as this one holds it: a file that nobody holds is closed.
type outbox struct {
	file string
	lock *os.File
}

func openOutbox(folder string) (outbox, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return outbox{}, err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return outbox{}, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { // it ends with the process
		return outbox{}, fmt.Errorf("%s is in use by another process: %w", folder, err)
	}
	return outbox{filepath.Join(folder, "pending.json"), lock}, nil
}

func (o outbox) load() (pending, error) {
	p := pending{Schema: schema}
	text, err := os.ReadFile(o.file)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Schema != schema {
		return p, fmt.Errorf("%s is no state of this program: %w", o.file, err)
	}
	return p, nil
}

// save replaces the file, whole and durable on return.
func (o outbox) save(p pending) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(o.file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), o.file); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(o.file))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
