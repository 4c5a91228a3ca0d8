package sdk

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/jcs"
)

// journalHead is the first line of a journal's file.
const journalHead = "mydata-journal v1\n"

// compactFrom is after how many lines it is looked whether to rewrite a file.
const compactFrom = 4096

// maxJournalLine bounds one line of a journal's file.
const maxJournalLine = 4 << 20

// FileJournal is a Journal in one append-only file, for one process. Each
// change is one line with a checksum, flushed to the disk before it counts. A
// last line that a crash tore is dropped when the file is opened; damage
// anywhere else is an error. After a write that failed the journal refuses
// everything until it is opened again, because nobody can know what was kept.
//
// It keeps every entry in memory, and rewrites its file when most of it is
// past: made for an agency of thousands of releases a day, not of millions.
type FileJournal struct {
	now  func() time.Time
	path string
	lock io.Closer

	mu     sync.Mutex
	file   journalFile
	rows   map[string]*row // by kind and key
	next   int64           // order of creation
	lines  int             // in the file
	broken error
}

// journalFile is what FileJournal does to its file once it is open.
type journalFile interface {
	io.Writer
	Sync() error
	Close() error
}

type row struct {
	Entry
	order int64
}

// line is one change as the file holds it.
type line struct {
	Op string `json:"op"` // put or delete
	Entry
}

// OpenFileJournal opens or makes the journal at path, readable by its owner
// alone. It rewrites the file without what has run out or was deleted.
func OpenFileJournal(path string) (*FileJournal, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	j := &FileJournal{now: time.Now, path: path, lock: lock, rows: map[string]*row{}}
	if err := j.load(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return j, nil
}

func (j *FileJournal) load() error {
	old, err := os.ReadFile(j.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := j.replay(old); err != nil {
		return err
	}
	return j.rewrite()
}

// rewrite writes what has not run out anew: a fresh file, flushed, takes the
// old one's name, so that a crash leaves one or the other.
func (j *FileJournal) rewrite() error {
	fresh, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err := j.fill(fresh); err != nil {
		fresh.Close()
		return err
	}
	if j.file != nil {
		j.file.Close()
	}
	j.file = fresh
	return nil
}

func (j *FileJournal) fill(fresh *os.File) error {
	w := bufio.NewWriter(fresh)
	w.WriteString(journalHead)
	left := map[string]*row{}
	for _, r := range j.live() {
		text, err := encodeLine(&line{"put", r.Entry})
		if err != nil {
			return err
		}
		w.Write(text)
		left[r.Kind+"\x00"+r.Key] = r
	}
	if err := errors.Join(w.Flush(), fresh.Sync()); err != nil {
		return err
	}
	if err := os.Rename(j.path+".new", j.path); err != nil {
		return err
	}
	j.rows, j.lines = left, len(left)
	folder, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// replay applies a file's lines. Whatever follows the last newline was torn.
func (j *FileJournal) replay(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	rest, ok := bytes.CutPrefix(text, []byte(journalHead))
	if !ok {
		if bytes.HasPrefix([]byte(journalHead), text) {
			return nil // torn while it was made
		}
		return errors.New("this is no journal of this version")
	}
	for n := 2; len(rest) > 0; n++ {
		one, after, whole := bytes.Cut(rest, []byte("\n"))
		l, err := decodeLine(one)
		switch {
		case err != nil && len(after) == 0:
			return nil // the torn last line
		case !whole:
			return nil // complete but for its newline: never acknowledged
		case err != nil:
			return fmt.Errorf("line %d is damaged: %w", n, err)
		}
		j.apply(l)
		rest = after
	}
	return nil
}

func (j *FileJournal) apply(l line) {
	id := l.Kind + "\x00" + l.Key
	if l.Op == "delete" {
		delete(j.rows, id)
		return
	}
	if r, ok := j.rows[id]; ok && !r.past(j.now()) {
		r.Entry = l.Entry
		return
	}
	j.next++
	j.rows[id] = &row{l.Entry, j.next}
}

func (r *row) past(now time.Time) bool { return !r.Until.IsZero() && now.After(r.Until) }

// live is the rows that have not run out, oldest first.
func (j *FileJournal) live() []*row {
	var all []*row
	for _, r := range j.rows {
		if !r.past(j.now()) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *row) int { return int(a.order - b.order) })
	return all
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeLine spells a change, and leaves it the value that lies in the text.
func encodeLine(l *line) ([]byte, error) {
	value := l.Value
	l.Value = nil
	text, err := json.Marshal(l)
	if err == nil && len(value) > 0 && !jcs.Compact(value) {
		value, err = json.Marshal(value)
	}
	if err != nil {
		return nil, err
	}
	const sum, name = len("00000000 "), `,"value":`
	if len(text)+len(name)+len(value) > maxJournalLine {
		return nil, errors.New("entry too large")
	}
	whole := make([]byte, sum, sum+len(text)+len(name)+len(value)+1)
	whole = append(whole, text[:len(text)-1]...)
	if len(value) > 0 {
		whole = append(append(whole, name...), value...)
		l.Value = whole[len(whole)-len(value):]
	}
	whole = append(whole, '}')
	copy(whole, fmt.Sprintf("%08x ", crc32.Checksum(whole[sum:], castagnoli)))
	return append(whole, '\n'), nil
}

func decodeLine(text []byte) (line, error) {
	var l line
	sum, body, ok := bytes.Cut(text, []byte(" "))
	if !ok || len(sum) != 8 || len(body) > maxJournalLine {
		return l, errors.New("no checksum")
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil || crc32.Checksum(body, castagnoli) != uint32(want) {
		return l, errors.New("wrong checksum")
	}
	if err := json.Unmarshal(body, &l); err != nil {
		return l, err
	}
	if l.Op != "put" && l.Op != "delete" {
		return l, fmt.Errorf("unknown operation %q", l.Op)
	}
	return l, nil
}

// write makes one change durable, then applies it.
func (j *FileJournal) write(l line) error {
	text, err := encodeLine(&l)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	_, err = j.file.Write(text)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("journal: a write failed, open it again: %w", err)
		return j.broken
	}
	j.apply(l)
	if j.lines++; j.lines%compactFrom == 0 && j.lines > 4*len(j.live()) {
		if err := j.rewrite(); err != nil {
			j.broken = fmt.Errorf("journal: it could not be rewritten, open it again: %w", err)
		}
	}
	return nil
}

func (j *FileJournal) find(kind, key string) (*row, error) {
	if j.broken != nil {
		return nil, j.broken
	}
	r, ok := j.rows[kind+"\x00"+key]
	if !ok || r.past(j.now()) {
		return nil, ErrAbsent
	}
	return r, nil
}

// Create implements Journal.
func (j *FileJournal) Create(_ context.Context, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch _, err := j.find(e.Kind, e.Key); {
	case err == nil:
		return ErrExists
	case !errors.Is(err, ErrAbsent):
		return err
	}
	return j.write(line{"put", e})
}

// Put implements Journal.
func (j *FileJournal) Put(_ context.Context, e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	return j.write(line{"put", e})
}

// Get implements Journal.
func (j *FileJournal) Get(_ context.Context, kind, key string) (Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r, err := j.find(kind, key)
	if err != nil {
		return Entry{}, err
	}
	e := r.Entry
	e.Value = bytes.Clone(e.Value)
	return e, nil
}

// Delete implements Journal.
func (j *FileJournal) Delete(_ context.Context, kind, key string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.find(kind, key); err != nil {
		return err
	}
	return j.write(line{"delete", Entry{Kind: kind, Key: key}})
}

// List implements Journal.
func (j *FileJournal) List(_ context.Context, kind string) ([]Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	var found []Entry
	for _, r := range j.live() {
		if r.Kind == kind {
			e := r.Entry
			e.Value = bytes.Clone(e.Value)
			found = append(found, e)
		}
	}
	return found, nil
}

// Close gives the file back. Nothing is lost by not calling it.
func (j *FileJournal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = errors.New("journal: closed")
	return errors.Join(j.file.Close(), j.lock.Close())
}
