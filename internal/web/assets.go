package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static locale page
var ownFiles embed.FS

const assetPrefix = "/assets/"

type asset struct {
	body []byte
	etag string
}

// Assets adds the files of the folder static of fsys under /assets/. It panics
// when a name is taken: two flows must not overwrite each other's script.
func (f *Frame) Assets(fsys fs.FS) {
	sub := mustSub(fsys, "static")
	err := fs.WalkDir(sub, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(sub, name)
		if err != nil {
			return err
		}
		if _, taken := f.assets[name]; taken {
			panic("web: asset " + name + " is already there")
		}
		sum := sha256.Sum256(body)
		f.assets[name] = asset{body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		panic("web: assets: " + err.Error())
	}
}

func (f *Frame) serveAsset(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		f.Fail(w, r, http.StatusMethodNotAllowed, "web.error.method", nil)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, assetPrefix)
	a, ok := f.assets[name]
	if !ok {
		f.Fail(w, r, http.StatusNotFound, "web.error.not_found", nil)
		return
	}
	w.Header().Set("ETag", a.etag)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(a.body))
}
