package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/govmydata/mydata/internal/idp/sandbox"
)

// nameClaims are the names that agencies of a sandbox took: a file each, which
// holds the thumbprint of the key that took it.
type nameClaims struct {
	dir  string
	mu   sync.Mutex
	sync func(*os.File) error // os.File.Sync when nil; tests break it
}

// claim takes names for keys, for good: all of them or, where one is another's, none.
// nil and true: it is durable. After an error some may be taken; the same call again
// tells.
func (n *nameClaims) claim(_ context.Context, limit int, claims ...sandbox.Claim) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return false, err
	}
	var fresh []sandbox.Claim
	for _, c := range claims {
		was, err := os.ReadFile(filepath.Join(n.dir, filepath.Base(c.Name)))
		switch {
		case errors.Is(err, os.ErrNotExist):
			fresh = append(fresh, c)
		case err != nil || string(was) != c.Key:
			return false, err
		}
	}
	if len(fresh) == 0 {
		return true, nil
	}
	files, err := os.ReadDir(n.dir)
	if err != nil {
		return false, err
	}
	agencies := slices.DeleteFunc(files, func(f os.DirEntry) bool { return f.Name()[0] < 'a' || f.Name()[0] > 'z' })
	if len(agencies) >= limit {
		return false, nil
	}
	for _, c := range fresh {
		if ok, err := n.write(filepath.Join(n.dir, filepath.Base(c.Name)), c.Key); !ok {
			return false, err
		}
	}
	return true, nil
}

// write makes the file whole before it has its name.
func (n *nameClaims) write(path, key string) (bool, error) {
	file, err := os.CreateTemp(n.dir, ".new-")
	if err != nil {
		return false, err
	}
	defer os.Remove(file.Name()) // gone by then, unless something failed
	_, err = io.WriteString(file, key)
	if err = errors.Join(err, n.flush(file), file.Close()); err != nil {
		return false, err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return false, err
	}
	folder, err := os.Open(n.dir)
	if err != nil {
		return false, err
	}
	err = errors.Join(n.flush(folder), folder.Close())
	return err == nil, err
}

func (n *nameClaims) flush(f *os.File) error {
	if n.sync != nil {
		return n.sync(f)
	}
	return f.Sync()
}
