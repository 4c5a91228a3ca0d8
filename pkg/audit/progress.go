package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Progress is how far a walk came, so that another goes on from there: the
// right edge of the tree at the beginning of a bundle, and the checkpoint that
// was being walked to, which the log has to keep to.
type Progress struct {
	Size int64             `json:"size"`
	Edge map[string][]byte `json:"edge"`           // partial tiles by path
	Note string            `json:"note"`           // the checkpoint, signed
	Keys []string          `json:"keys,omitempty"` // signed changes of the log's key so far
}

// maxProgress bounds the file of a Progress: seven levels of tiles, a note, and
// changes of keys, of which maxKeys bytes are kept.
const (
	maxProgress = 1 << 20
	maxKeys     = 128 << 10 // six times as long where each letter is escaped
)

var errProgress = errors.New("the kept progress is damaged")

// NewProgress keeps an edge, cut back to the beginning of a bundle, which a
// tree that grows reads again.
func NewProgress(edge *tlog.Edge, note []byte) Progress {
	p := Progress{Size: edge.Size() - edge.Size()%tlog.TileWidth, Edge: map[string][]byte{}, Note: string(note)}
	edge.Partial(func(t tlog.Tile, hashes []tlog.Hash) {
		if t.Level == 0 {
			return
		}
		var data []byte
		for _, h := range hashes {
			data = append(data, h[:]...)
		}
		p.Edge[t.Path()] = data
	})
	return p
}

// Tile implements tlog.Tiles over what was kept.
func (p Progress) Tile(_ context.Context, t tlog.Tile) ([]byte, error) {
	if data, ok := p.Edge[t.Path()]; ok {
		return data, nil
	}
	return nil, errProgress
}

// At is the edge that was kept.
func (p Progress) At() (*tlog.Edge, error) {
	if p.Size < 0 || p.Size%tlog.TileWidth != 0 {
		return nil, errProgress
	}
	return tlog.NewEdge(context.Background(), p, p.Size)
}

// Marshal writes a first line with a digest, then JSON.
func (p Progress) Marshal() ([]byte, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return append(fmt.Appendf(nil, "mydata-audit-progress v1 %x\n", sha256.Sum256(text)), text...), nil
}

// ParseProgress reads what Marshal wrote; anything else is an error, also one
// altered byte: a walk that began from another edge would accuse the log.
func ParseProgress(text []byte) (Progress, error) {
	var p Progress
	if len(text) > maxProgress {
		return p, errProgress
	}
	_, body, _ := bytes.Cut(text, []byte("\n"))
	err := json.Unmarshal(body, &p)
	again, err2 := p.Marshal()
	if err != nil || err2 != nil || !bytes.Equal(again, text) {
		return Progress{}, errProgress
	}
	if _, err := p.At(); err != nil {
		return Progress{}, err
	}
	return p, nil
}
