package account

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/legible"
)

// Register is the residents' register of the state. Resident answers
// ErrNotFound for an id it does not hold; calls may run concurrently.
type Register interface {
	Resident(ctx context.Context, id string) (Resident, error)
}

// Resident is an entry of the register.
type Resident struct {
	ID             string
	NameKo         string // as written in Hangul
	NameLatin      string // as in a passport
	FamilyName     string // Latin letters
	GivenName      string // Latin letters
	BirthDate      string // YYYY-MM-DD
	Sex            string // F, M or X
	Address        string
	ResidentNumber string
}

// Columns of the register's CSV file, in this order, in its first line. UTF-8,
// RFC 4180; a byte order mark is allowed. resident_id is unique; birth_date is
// YYYY-MM-DD; sex is F, M or X; no cell but address may be empty.
var Columns = []string{
	"resident_id", "name_ko", "name_latin", "family_name", "given_name",
	"birth_date", "sex", "address", "resident_number",
}

// FileRegister is a register read whole from a CSV file.
type FileRegister struct {
	ids  []string
	byID map[string]Resident
}

const (
	maxRegister = 64 << 20
	maxCell     = 400
)

var residentID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ReadRegister reads a register and refuses it whole when a line is wrong,
// naming the line and never its content.
func ReadRegister(r io.Reader) (*FileRegister, error) {
	in := csv.NewReader(io.LimitReader(&withoutMark{r: r}, maxRegister))
	in.FieldsPerRecord = len(Columns)
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("read register: %w", err)
	}
	if !slices.Equal(head, Columns) {
		return nil, fmt.Errorf("read register: the first line must be %s", strings.Join(Columns, ","))
	}
	reg := &FileRegister{byID: map[string]Resident{}}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return reg, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read register: %w", err)
		}
		line, _ := in.FieldPos(0)
		res, err := resident(cells)
		if err != nil {
			return nil, fmt.Errorf("read register: line %d: %w", line, err)
		}
		if _, twice := reg.byID[res.ID]; twice {
			return nil, fmt.Errorf("read register: line %d: resident_id is not unique", line)
		}
		reg.ids, reg.byID[res.ID] = append(reg.ids, res.ID), res
	}
}

func resident(c []string) (Resident, error) {
	for i, cell := range c {
		if len(cell) > maxCell {
			return Resident{}, fmt.Errorf("%s is longer than %d bytes", Columns[i], maxCell)
		}
		if strings.TrimSpace(cell) == "" && Columns[i] != "address" {
			return Resident{}, fmt.Errorf("%s is empty", Columns[i])
		}
		if err := legible.Check(strings.TrimSpace(cell)); err != nil {
			return Resident{}, fmt.Errorf("%s: %w", Columns[i], err)
		}
	}
	if !residentID.MatchString(c[0]) {
		return Resident{}, errors.New("resident_id has other characters than letters, digits, dot, hyphen, underscore")
	}
	if _, err := time.Parse(time.DateOnly, c[5]); err != nil {
		return Resident{}, errors.New("birth_date is not YYYY-MM-DD")
	}
	if !slices.Contains([]string{"F", "M", "X"}, c[6]) {
		return Resident{}, errors.New("sex is not F, M or X")
	}
	return Resident{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]}, nil
}

// Resident of that id.
func (f *FileRegister) Resident(_ context.Context, id string) (Resident, error) {
	res, ok := f.byID[id]
	if !ok {
		return Resident{}, fmt.Errorf("resident: %w", ErrNotFound)
	}
	return res, nil
}

// IDs of all residents, in the file's order.
func (f *FileRegister) IDs() []string { return slices.Clone(f.ids) }

// withoutMark skips a UTF-8 byte order mark, which spreadsheets write.
type withoutMark struct {
	r     io.Reader
	begun bool
}

func (w *withoutMark) Read(p []byte) (int, error) {
	if w.begun {
		return w.r.Read(p)
	}
	w.begun = true
	var head [3]byte
	n, err := io.ReadFull(w.r, head[:])
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	rest := head[:n]
	if string(rest) == "\ufeff" {
		rest = nil
	}
	w.r = io.MultiReader(strings.NewReader(string(rest)), w.r)
	if err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
