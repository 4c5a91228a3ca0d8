package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// leaves joins the log's leaves with the database's events, tombstones and
// pending entries by their hashes. It sorts them into buckets by the first
// byte, which go to files once they are large, so that ten million need no more
// memory than one bucket's.
type leaves struct {
	folder  string // made when the first bucket is written
	buckets [leafBuckets]bucket
}

type bucket struct {
	buffer []byte
	file   *os.File
}

const (
	leafBuckets = 64
	bucketSize  = 64 << 10
)

// What a record says of its hash.
const (
	isLeaf byte = iota + 1
	isPending
	isErased
	isLost
	isEvent
)

// row is an event in a bucket.
type row struct {
	name string
	due  time.Time
}

// add puts a hash into its bucket; an event with its name, and when its leaf was
// promised for.
func (l *leaves) add(what byte, hash tlog.Hash, r row) error {
	b := &l.buckets[int(hash[0])%leafBuckets]
	b.buffer = append(append(b.buffer, what), hash[:]...)
	if what == isEvent {
		name := r.name[:min(len(r.name), 0xffff)]
		due := int64(0)
		if !r.due.IsZero() {
			due = r.due.Unix()
		}
		b.buffer = binary.BigEndian.AppendUint64(b.buffer, uint64(due))
		b.buffer = binary.BigEndian.AppendUint16(b.buffer, uint16(len(name))) //nolint:gosec // G115: cut above
		b.buffer = append(b.buffer, name...)
	}
	if len(b.buffer) < bucketSize {
		return nil
	}
	return l.spill(b)
}

func (l *leaves) spill(b *bucket) (err error) {
	if l.folder == "" {
		if l.folder, err = os.MkdirTemp("", "mydata-audit-"); err != nil {
			return fmt.Errorf("audit: room for the leaves: %w", err)
		}
	}
	if b.file == nil {
		if b.file, err = os.CreateTemp(l.folder, "leaves-"); err != nil {
			return fmt.Errorf("audit: room for the leaves: %w", err)
		}
	}
	if _, err := b.file.Write(b.buffer); err != nil {
		return fmt.Errorf("audit: room for the leaves: %w", err)
	}
	b.buffer = b.buffer[:0]
	return nil
}

// close gives the room back.
func (l *leaves) close() error {
	if l.folder == "" {
		return nil
	}
	var all []error
	for i := range l.buckets {
		if file := l.buckets[i].file; file != nil {
			all = append(all, file.Close())
		}
	}
	return errors.Join(append(all, os.RemoveAll(filepath.Clean(l.folder)))...)
}

// joined gets what the buckets say of each hash.
type joined interface {
	stored(r row, placed, pending bool)
	erased()
	lost()
	unexplained(leaf tlog.Hash)
}

// join reads bucket after bucket: leaves and pending entries first, then what
// explains them.
func (l *leaves) join(to joined) error {
	for i := range l.buckets {
		if err := l.buckets[i].join(to); err != nil {
			return fmt.Errorf("audit: read the leaves again: %w", err)
		}
	}
	return nil
}

// What is known of a hash while its bucket is joined.
const (
	placed = 1 << iota
	pending
	explained
)

func (b *bucket) join(to joined) error {
	known := map[tlog.Hash]byte{}
	marks := map[byte]byte{isLeaf: placed, isPending: pending}
	err := b.each(func(what byte, hash tlog.Hash, _ row) {
		if mark, ok := marks[what]; ok {
			known[hash] |= mark
		}
	})
	if err != nil {
		return err
	}
	err = b.each(func(what byte, hash tlog.Hash, r row) {
		if what == isEvent {
			k := known[hash]
			to.stored(r, k&placed != 0, k&pending != 0)
			if k&placed != 0 {
				known[hash] = k | explained
			}
		}
	})
	if err != nil {
		return err
	}
	err = b.each(func(what byte, hash tlog.Hash, _ row) {
		if k := known[hash]; what == isErased && k&placed != 0 && k&explained == 0 {
			known[hash] = k | explained
			to.erased()
		}
	})
	if err != nil {
		return err
	}
	err = b.each(func(what byte, hash tlog.Hash, _ row) {
		if k := known[hash]; what == isLost && k&placed != 0 && k&explained == 0 {
			known[hash] = k | explained
			to.lost()
		}
	})
	if err != nil {
		return err
	}
	for hash, k := range known {
		if k&placed != 0 && k&explained == 0 {
			to.unexplained(hash)
		}
	}
	return nil
}

// each reads a bucket from its first record.
func (b *bucket) each(f func(what byte, hash tlog.Hash, r row)) error {
	var from io.Reader = bytes.NewReader(b.buffer)
	if b.file != nil {
		from = io.MultiReader(io.NewSectionReader(b.file, 0, math.MaxInt64), from)
	}
	in := bufio.NewReaderSize(from, bucketSize)
	for {
		var head [1 + len(tlog.Hash{})]byte
		if _, err := io.ReadFull(in, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var r row
		if head[0] == isEvent {
			var rest [10]byte
			if _, err := io.ReadFull(in, rest[:]); err != nil {
				return err
			}
			name := make([]byte, binary.BigEndian.Uint16(rest[8:]))
			if _, err := io.ReadFull(in, name); err != nil {
				return err
			}
			r.name = string(name)
			if due := int64(binary.BigEndian.Uint64(rest[:])); due != 0 { //nolint:gosec // G115: written by add
				r.due = time.Unix(due, 0).UTC()
			}
		}
		f(head[0], tlog.Hash(head[1:]), r)
	}
}
