package reading

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// The bounds of what is taken in.
const (
	MaxReceipt = 8 << 20
	MaxTrust   = 4 << 20 // all files of a trust folder together, also unpacked
	MaxFiles   = 64
	maxName    = 256
	maxDepth   = 64 // of JSON; a receipt needs 8
)

// File is one file of a trust folder, by its path there, or a ZIP archive of all.
type File struct {
	Name string
	Data []byte
}

// folder is files by path, without what stands around them.
type folder map[string][]byte

// newFolder takes files as a browser gives them: with the folder's own name in
// front or without, or one archive.
func newFolder(files []File) (folder, error) {
	if len(files) == 1 && bytes.HasPrefix(files[0].Data, []byte("PK\x03\x04")) {
		unpacked, err := unzip(files[0].Data)
		if err != nil {
			return nil, err
		}
		files = unpacked
	}
	total := 0
	for _, f := range files {
		total += len(f.Data)
		if len(f.Name) > maxName {
			return nil, refuse(CheckTrust, "a file's name is longer than %d bytes", maxName)
		}
	}
	if len(files) > MaxFiles || total > MaxTrust {
		return nil, refuse(CheckTrust, "more than %d files or %d bytes", MaxFiles, MaxTrust)
	}
	root, found := "", 0
	for _, f := range files {
		if path.Base(path.Clean("/"+f.Name)) == consent.HubFile {
			root, found = path.Dir(path.Clean("/"+f.Name)), found+1
		}
	}
	if found != 1 {
		return nil, refuse(CheckTrust, "it has %d files %s, not one", found, consent.HubFile)
	}
	all := folder{}
	for _, f := range files {
		name, below := strings.CutPrefix(path.Clean("/"+f.Name), strings.TrimSuffix(root, "/")+"/")
		if !below {
			continue
		}
		if _, twice := all[name]; twice {
			return nil, refuse(CheckTrust, "%q is there twice", name)
		}
		all[name] = f.Data
	}
	return all, nil
}

func unzip(raw []byte) ([]File, error) {
	if len(raw) > MaxTrust {
		return nil, refuse(CheckTrust, "the archive is longer than %d bytes", MaxTrust)
	}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, refuse(CheckTrust, "%v", err)
	}
	if len(archive.File) > MaxFiles {
		return nil, refuse(CheckTrust, "the archive has more than %d files", MaxFiles)
	}
	var files []File
	left := int64(MaxTrust)
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		data, err := unpack(f, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(data))
		files = append(files, File{f.Name, data})
	}
	return files, nil
}

// unpack believes no size that the archive claims.
func unpack(f *zip.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, refuse(CheckTrust, "%v", err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, refuse(CheckTrust, "%v", err)
	case int64(len(data)) > most:
		return nil, refuse(CheckTrust, "the archive unpacks to more than %d bytes", MaxTrust)
	}
	return data, nil
}

// Open makes a folder an fs.FS.
func (f folder) Open(name string) (fs.File, error) {
	data, ok := f[name]
	if !ok || !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &opened{Reader: bytes.NewReader(data), name: name, size: int64(len(data))}, nil
}

// has tells whether there is anything below a folder.
func (f folder) has(dir string) bool {
	for name := range f {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

type opened struct {
	*bytes.Reader
	name string
	size int64
}

func (o *opened) Stat() (fs.FileInfo, error) { return info{o}, nil }
func (o *opened) Close() error               { return nil }

type info struct{ of *opened }

func (i info) Name() string     { return path.Base(i.of.name) }
func (i info) Size() int64      { return i.of.size }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }

// shallow refuses JSON that is nested deeper than anything of ours, before
// anything recursive reads it.
func shallow(raw []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("nested deeper than %d", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
