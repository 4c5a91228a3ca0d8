package endorsement

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields reads one protobuf message in the order of its fields: each is asked
// for once, in turn, and what nobody asked for is an error. So there is one
// spelling of every message. The first error stays.
type fields struct {
	rest []byte
	err  error
}

func read(raw []byte) *fields { return &fields{rest: raw} }

var (
	errSpelling = errors.New("a number is not in its shortest spelling")
	errCut      = errors.New("it ends in the middle of a field")
)

// number reads a varint in its shortest spelling.
func number(raw []byte) (uint64, int, error) {
	v, n := protowire.ConsumeVarint(raw)
	if n < 0 {
		return 0, 0, errCut
	}
	if n != protowire.SizeVarint(v) {
		return 0, 0, errSpelling
	}
	return v, n, nil
}

// next tells whether a field of this number and type comes next, and steps
// over its tag.
func (f *fields) next(field protowire.Number, kind protowire.Type) bool {
	if f.err != nil || len(f.rest) == 0 {
		return false
	}
	tag, n, err := number(f.rest)
	if err != nil {
		f.err = err
		return false
	}
	if tag != protowire.EncodeTag(field, kind) {
		return false
	}
	f.rest = f.rest[n:]
	return true
}

// message takes a field that may be absent, and may be empty when it is there.
func (f *fields) message(field protowire.Number) ([]byte, bool) {
	if !f.next(field, protowire.BytesType) {
		return nil, false
	}
	size, n, err := number(f.rest)
	if err == nil && size > uint64(len(f.rest)-n) { //nolint:gosec // G115: n is at most len(rest)
		err = errCut
	}
	if err != nil {
		f.err = err
		return nil, false
	}
	value := f.rest[n : n+int(size)] //nolint:gosec // G115: at most len(rest)
	f.rest = f.rest[n+int(size):]    //nolint:gosec // G115: as above
	return value, true
}

// may takes a field that may be absent, and is not empty when it is there.
func (f *fields) may(field protowire.Number) []byte {
	value, found := f.message(field)
	if found && len(value) == 0 {
		f.err = fmt.Errorf("field %d is there and empty", field)
	}
	return value
}

// need takes a field that has to be there.
func (f *fields) need(field protowire.Number) []byte {
	value := f.may(field)
	if len(value) == 0 && f.err == nil {
		f.err = fmt.Errorf("field %d is not where it belongs", field)
	}
	return value
}

// each takes all of a repeated field.
func (f *fields) each(field protowire.Number) [][]byte {
	var all [][]byte
	for {
		value, found := f.message(field)
		if !found {
			return all
		}
		all = append(all, value)
	}
}

// varint takes a number; an absent one is zero, and zero is absent.
func (f *fields) varint(field protowire.Number) uint64 {
	if !f.next(field, protowire.VarintType) {
		return 0
	}
	v, n, err := number(f.rest)
	if err == nil && v == 0 {
		err = fmt.Errorf("field %d is there and zero", field)
	}
	if err != nil {
		f.err = err
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// end says what went wrong, also when something is left.
func (f *fields) end(what string) error {
	if f.err == nil && len(f.rest) > 0 {
		f.err = errors.New("an unknown, repeated or misplaced field")
		if tag, _, err := number(f.rest); err == nil {
			f.err = fmt.Errorf("field %d is unknown, repeated or misplaced", tag>>3)
		}
	}
	if f.err != nil {
		return fmt.Errorf("%s: %w", what, f.err)
	}
	return nil
}
