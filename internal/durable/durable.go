package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what is asked of the machine, a step a field, so that each can fail.
type disk struct {
	write  func(f *os.File, data []byte) error
	sync   func(f *os.File) error
	place  func(from, to string) error
	folder func(name string) error
}

func machine(place func(from, to string) error) disk {
	return disk{
		write:  func(f *os.File, data []byte) error { _, err := f.Write(data); return err },
		sync:   (*os.File).Sync,
		place:  place,
		folder: syncFolder,
	}
}

// Replace writes a file, over another that may be there and whose mode it keeps;
// a new one is its owner's alone.
func Replace(name string, data []byte) error {
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return machine(os.Rename).put(name, data, mode)
}

// Create writes a file where none is; fs.ErrExist: one is, and it stays.
func Create(name string, data []byte, mode fs.FileMode) error {
	d := machine(os.Link)
	return d.put(name, data, mode)
}

func (d disk) put(name string, data []byte, mode fs.FileMode) (err error) {
	folder := filepath.Dir(name)
	file, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	defer func() { // after a rename it is not there
		if gone := os.Remove(file.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	err = d.write(file, data)
	if err == nil {
		err = errors.Join(file.Chmod(mode), d.sync(file))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := d.place(file.Name(), name); err != nil {
		return err
	}
	return d.folder(folder)
}

func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
