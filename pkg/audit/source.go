package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Source is a published log.
type Source interface {
	Checkpoint(ctx context.Context) ([]byte, error)
	tlog.Tiles
}

// maxFile bounds one file of a log: a full bundle of the longest entries.
const maxFile = tlog.TileWidth * (2 + 0xffff)

// HTTP reads a log by its URL prefix (C2SP tlog-tiles, APIs).
type HTTP struct {
	Prefix string
	Client *http.Client
}

// NewHTTP takes the prefix, or the address of a hub, whose log is below /log.
func NewHTTP(prefix string) (HTTP, error) {
	u, err := url.Parse(prefix)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return HTTP{}, fmt.Errorf("%q is no http address", prefix)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/log"
	}
	return HTTP{strings.TrimSuffix(u.String(), "/"), &http.Client{Timeout: 30 * time.Second, CheckRedirect: stays}}, nil
}

// stays follows a log no further than its own host: an answer must not lead a
// reader into networks that its publisher cannot reach.
func stays(to *http.Request, via []*http.Request) error {
	if first := via[0].URL; len(via) > 5 || to.URL.Host != first.Host || to.URL.Scheme != first.Scheme && to.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// Checkpoint implements Source.
func (h HTTP) Checkpoint(ctx context.Context) ([]byte, error) { return h.get(ctx, "checkpoint") }

// Tile implements Source.
func (h HTTP) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	return orFull(t, func(name string) ([]byte, error) { return h.get(ctx, name) })
}

// Proof asks for the inclusion of a leaf (a hub's GET /log/proof, C2SP
// tlog-proof); fs.ErrNotExist: the log does not have it, or not yet.
func (h HTTP) Proof(ctx context.Context, leaf tlog.Hash) ([]byte, error) {
	return h.get(ctx, "proof?leaf="+base64.RawURLEncoding.EncodeToString(leaf[:]))
}

func (h HTTP) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := h.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", path, response.Status)
	}
	return limited(path, response.Body)
}

// Dir reads a log from files laid out as its addresses.
type Dir struct{ FS fs.FS }

// Checkpoint implements Source.
func (d Dir) Checkpoint(context.Context) ([]byte, error) { return d.open("checkpoint") }

// Tile implements Source.
func (d Dir) Tile(_ context.Context, t tlog.Tile) ([]byte, error) { return orFull(t, d.open) }

// orFull reads a tile; a partial one may have been deleted once the full one
// is there (C2SP tlog-tiles, Partial Tiles).
func orFull(t tlog.Tile, read func(string) ([]byte, error)) ([]byte, error) {
	data, err := read(t.Path())
	if t.Width == tlog.TileWidth || !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	full := t
	full.Width = tlog.TileWidth
	wider, again := read(full.Path())
	if again != nil {
		return nil, err
	}
	return t.Cut(wider)
}

func (d Dir) open(name string) ([]byte, error) {
	file, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return limited(name, file)
}

func limited(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is too long", name)
	}
	return data, nil
}
