//go:build unix

package sdk

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockFile makes sure that no other process has the same journal open.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errors.New("another process has it open")
	}
	return f, nil
}
