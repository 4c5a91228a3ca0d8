package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

var errBroken = errors.New("broken")

// TestEachStepBroken breaks each step twice: not done, and done though it says
// otherwise. The file is the old one or the new one, whole, and nothing is left
// beside it.
func TestEachStepBroken(t *testing.T) {
	for way, place := range map[string]func(from, to string) error{"replace": os.Rename, "create": os.Link} {
		for _, kept := range []bool{false, true} {
			breaks := map[string]func(d *disk){
				"write": func(d *disk) {
					do := d.write
					d.write = func(f *os.File, data []byte) error {
						if kept {
							return errors.Join(do(f, data), errBroken)
						}
						return errors.Join(do(f, data[:len(data)/2]), errBroken) // a full disk
					}
				},
				"sync": func(d *disk) {
					do := d.sync
					d.sync = func(f *os.File) error { return errors.Join(maybe(kept, func() error { return do(f) }), errBroken) }
				},
				"place": func(d *disk) {
					do := d.place
					d.place = func(from, to string) error {
						return errors.Join(maybe(kept, func() error { return do(from, to) }), errBroken)
					}
				},
				"folder": func(d *disk) {
					do := d.folder
					d.folder = func(name string) error { return errors.Join(maybe(kept, func() error { return do(name) }), errBroken) }
				},
			}
			for step, spoil := range breaks {
				folder := t.TempDir()
				name := filepath.Join(folder, "file")
				if way == "replace" {
					must(t, Replace(name, []byte("the old one")))
				}
				d := machine(place)
				spoil(&d)
				if err := d.put(name, []byte("the new one, longer"), 0o600); !errors.Is(err, errBroken) {
					t.Errorf("%s, %s broken, kept %v: %v", way, step, kept, err)
				}
				text, err := os.ReadFile(name)
				isNew := string(text) == "the new one, longer"
				isOld := string(text) == "the old one" || way == "create" && errors.Is(err, fs.ErrNotExist)
				wantNew := step == "folder" || step == "place" && kept
				if isNew != wantNew || isOld == wantNew {
					t.Errorf("%s, %s broken, kept %v: the file holds %q, %v", way, step, kept, text, err)
				}
				if all, err := os.ReadDir(folder); err != nil || len(all) > 1 {
					t.Errorf("%s, %s broken, kept %v: it leaves %v, %v", way, step, kept, all, err)
				}
			}
		}
	}
}

func maybe(do bool, f func() error) error {
	if do {
		return f()
	}
	return nil
}

// TestNilComesAfterTheFolder: every step was done, in its order, before nil.
func TestNilComesAfterTheFolder(t *testing.T) {
	var done []string
	d := machine(os.Rename)
	sync, place, folder := d.sync, d.place, d.folder
	d.sync = func(f *os.File) error { done = append(done, "sync"); return sync(f) }
	d.place = func(from, to string) error { done = append(done, "place"); return place(from, to) }
	d.folder = func(name string) error { done = append(done, "folder"); return folder(name) }
	must(t, d.put(filepath.Join(t.TempDir(), "file"), []byte("x"), 0o600))
	if len(done) != 3 || done[0] != "sync" || done[1] != "place" || done[2] != "folder" {
		t.Errorf("%v", done)
	}
}

func TestModes(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "file")
	must(t, Create(name, []byte("one"), 0o644))
	if err := Create(name, []byte("two"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("it creates over another: %v", err)
	}
	must(t, Replace(name, []byte("three")))
	info, err := os.Stat(name)
	must(t, err)
	if info.Mode().Perm() != 0o644 {
		t.Errorf("mode %o", info.Mode())
	}
	must(t, Replace(name+"2", []byte("four")))
	if info, err = os.Stat(name + "2"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, %v", info.Mode(), err)
	}
	if err := Replace(filepath.Join(folder, "none", "file"), nil); err == nil {
		t.Error("it writes into a folder that is not there")
	}
	if err := Replace(filepath.Join(name, "file"), nil); err == nil {
		t.Error("it writes into a file")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
