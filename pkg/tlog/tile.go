package tlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// TileWidth is the number of hashes, or of entries, in a full tile.
const TileWidth = 256

// Entries is the level of a Tile that is an entry bundle.
const Entries = -1

// ErrTile says that a path names no tile, or bytes are none.
var ErrTile = errors.New("malformed tile")

// Tile names a hash tile, or, at level Entries, an entry bundle (C2SP
// tlog-tiles, Merkle Tree).
type Tile struct {
	Level int
	Index int64
	Width int // 1 to 256
}

// Path is the tile's path below the log's prefix: tile/0/x001/234.p/5.
func (t Tile) Path() string {
	level := fmt.Sprint(t.Level)
	if t.Level == Entries {
		level = "entries"
	}
	number := fmt.Sprintf("%03d", t.Index%1000)
	for n := t.Index / 1000; n > 0; n /= 1000 {
		number = fmt.Sprintf("x%03d/%s", n%1000, number)
	}
	path := "tile/" + level + "/" + number
	if t.Width < TileWidth {
		path += fmt.Sprintf(".p/%d", t.Width)
	}
	return path
}

// ParseTilePath reads what Path writes, and nothing else.
func ParseTilePath(path string) (Tile, error) {
	words := strings.Split(path, "/")
	if len(path) > 80 || len(words) < 3 || words[0] != "tile" {
		return Tile{}, ErrTile
	}
	t := Tile{Level: Entries, Width: TileWidth}
	if words[1] != "entries" {
		level, err := decimal(words[1])
		if err != nil || level > 63 {
			return Tile{}, ErrTile
		}
		t.Level = int(level)
	}
	words = words[2:]
	if n := len(words); n >= 2 && strings.HasSuffix(words[n-2], ".p") {
		width, err := decimal(words[n-1])
		if err != nil || width < 1 || width >= TileWidth {
			return Tile{}, ErrTile
		}
		t.Width = int(width)
		words = words[:n-1]
		words[n-2] = strings.TrimSuffix(words[n-2], ".p")
	}
	for _, word := range words {
		var part int64
		if _, err := fmt.Sscanf(strings.TrimPrefix(word, "x"), "%03d", &part); err != nil || t.Index > 1<<50 || part < 0 {
			return Tile{}, ErrTile
		}
		t.Index = t.Index*1000 + part
	}
	if t.Path() != path {
		return Tile{}, ErrTile
	}
	return t, nil
}

// In says whether a tree of this size has the tile, at least so wide.
func (t Tile) In(size int64) bool {
	level := max(t.Level, 0)
	if level > 7 || t.Index > size/TileWidth { // 8 levels hold 2^64 leaves
		return false
	}
	return t.Index*TileWidth+int64(t.Width) <= size>>(8*level)
}

// MarshalBundle writes entries as a bundle (C2SP tlog-tiles, Log entries).
func MarshalBundle(entries [][]byte) ([]byte, error) {
	var out []byte
	for _, entry := range entries {
		if len(entry) > 0xffff {
			return nil, fmt.Errorf("%w: an entry is too long", ErrTile)
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(entry))) //nolint:gosec // G115: compared above
		out = append(out, entry...)
	}
	return out, nil
}

// ParseBundle reads a bundle of exactly so many entries.
func ParseBundle(data []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, max(0, min(width, TileWidth)))
	for len(data) > 0 {
		if len(data) < 2 || len(entries) == width {
			return nil, fmt.Errorf("%w: bundle", ErrTile)
		}
		n := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+n {
			return nil, fmt.Errorf("%w: bundle", ErrTile)
		}
		entries = append(entries, data[2:2+n])
		data = data[2+n:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%w: bundle", ErrTile)
	}
	return entries, nil
}

// ParseHashes reads a hash tile of exactly so many hashes.
func ParseHashes(data []byte, width int) ([]Hash, error) {
	if len(data) != width*len(Hash{}) {
		return nil, fmt.Errorf("%w: width", ErrTile)
	}
	hashes := make([]Hash, width)
	for i := range hashes {
		copy(hashes[i][:], data[i*len(Hash{}):])
	}
	return hashes, nil
}

// Cut gives the bytes of this tile out of those of a wider one.
func (t Tile) Cut(wider []byte) ([]byte, error) {
	if t.Level != Entries {
		if n := t.Width * len(Hash{}); len(wider) >= n {
			return wider[:n], nil
		}
		return nil, fmt.Errorf("%w: width", ErrTile)
	}
	end := 0
	for range t.Width {
		if len(wider) < end+2 {
			return nil, fmt.Errorf("%w: bundle", ErrTile)
		}
		end += 2 + int(binary.BigEndian.Uint16(wider[end:]))
		if len(wider) < end {
			return nil, fmt.Errorf("%w: bundle", ErrTile)
		}
	}
	return wider[:end], nil
}
