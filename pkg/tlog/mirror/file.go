package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/govmydata/mydata/pkg/tlog"
)

// folder reads the hash tiles that were written.
type folder string

func (f folder) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(t.Path())))
}

// write makes a file whole or not at all, readable by everybody. What is there
// may be replaced: no checkpoint in the folder covers it unless it is the same.
func (m *Mirror) write(name string, data []byte) error {
	path := filepath.Join(m.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // G301: to be served
		return fmt.Errorf("write %s: %w", name, err)
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = next.Write(data)
	err = errors.Join(err, next.Chmod(0o644), next.Sync(), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(next.Name())))
	}
	return sync(filepath.Dir(path))
}

// sync makes the names in a folder durable.
func sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// tidy deletes the partial tiles of full ones.
func (m *Mirror) tidy(full []tlog.Tile) error {
	for _, t := range full {
		if err := os.RemoveAll(filepath.Join(m.Dir, filepath.FromSlash(t.Path())) + ".p"); err != nil {
			return fmt.Errorf("tidy: %w", err)
		}
	}
	return nil
}
