package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	mathbits "math/bits"
	"strconv"
	"strings"
)

// List is an array of statuses of 1, 2, 4 or 8 bits (draft, 4.1). It is not
// safe for concurrent writing.
type List struct {
	bits int
	log  uint8 // of bits
	data []byte
}

// New makes a list of at least size statuses, all Valid.
func New(bits, size int) (*List, error) {
	if err := checkBits(bits); err != nil {
		return nil, err
	}
	perByte := 8 / bits
	if size <= 0 || size > MaxList*perByte {
		return nil, fmt.Errorf("%w: %d statuses", ErrMalformed, size)
	}
	return FromBytes(bits, make([]byte, (size+perByte-1)/perByte))
}

// FromBytes takes over a bit array as Bytes gives it.
func FromBytes(bits int, data []byte) (*List, error) {
	if err := checkBits(bits); err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data) > MaxList {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	return &List{bits: bits, log: uint8(mathbits.TrailingZeros8(uint8(bits))), data: data}, nil //nolint:gosec // G115: 1, 2, 4 or 8
}

func checkBits(bits int) error {
	switch bits {
	case 1, 2, 4, 8:
		return nil
	}
	return fmt.Errorf("%w: bits is %d", ErrMalformed, bits)
}

// Bits of one status.
func (l *List) Bits() int { return l.bits }

// Len is the number of statuses.
func (l *List) Len() int { return len(l.data) << (3 - l.log) }

// Bytes is the bit array itself, uncompressed.
func (l *List) Bytes() []byte { return l.data }

// Get is the status at an index (draft, 4.1: bits count from the least
// significant). It allocates nothing.
func (l *List) Get(index int) (Status, error) {
	at := uint(index) >> (3 - l.log&3) // a negative index becomes a great one
	if at >= uint(len(l.data)) {
		return 0, outside(index)
	}
	return Status(l.data[at] >> (uint(index) << (l.log & 3) & 7) & l.mask()), nil
}

// outside is an index that a list does not have: an ErrOutOfRange, made without a
// call, so that Get is part of its caller.
type outside int

func (o outside) Error() string { return ErrOutOfRange.Error() + ": " + strconv.Itoa(int(o)) }

func (o outside) Unwrap() error { return ErrOutOfRange }

// Set the status at an index.
func (l *List) Set(index int, s Status) error {
	at, shift, err := l.place(index)
	if err != nil {
		return err
	}
	if byte(s) > l.mask() {
		return fmt.Errorf("status %d does not fit into %d bits", s, l.bits)
	}
	l.data[at] = l.data[at]&^(l.mask()<<shift) | byte(s)<<shift
	return nil
}

func (l *List) mask() byte { return byte(1<<l.bits - 1) }

func (l *List) place(index int) (at, shift int, err error) {
	if index < 0 || index >= l.Len() {
		return 0, 0, outside(index)
	}
	bit := index * l.bits
	return bit / 8, bit % 8, nil
}

// Encode is the `lst` of a list in JSON: Compress in base64url (draft, 4.2).
func (l *List) Encode() (string, error) {
	compressed, err := l.Compress()
	return base64.RawURLEncoding.EncodeToString(compressed), err
}

// Compress is the `lst` of a list in CBOR: ZLIB at the best compression
// (draft, 4.1, 4.3).
func (l *List) Compress() ([]byte, error) {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	if _, err := w.Write(l.data); err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("status list: %w", err)
	}
	return out.Bytes(), nil
}

// Decode reads a `lst` of JSON. It stops decompressing at MaxList.
func Decode(bits int, lst string) (*List, error) {
	if len(lst) > MaxToken {
		return nil, fmt.Errorf("%w: lst too long", ErrMalformed)
	}
	if strings.ContainsAny(lst, "\r\n") { // encoding/base64 skips them
		return nil, fmt.Errorf("%w: lst: more than one line", ErrMalformed)
	}
	compressed, err := base64.RawURLEncoding.Strict().DecodeString(lst)
	if err != nil {
		return nil, fmt.Errorf("%w: lst: %w", ErrMalformed, err)
	}
	return Decompress(bits, compressed)
}

// Decompress reads a `lst` of CBOR. It stops decompressing at MaxList.
func Decompress(bits int, compressed []byte) (*List, error) {
	if err := checkBits(bits); err != nil {
		return nil, err
	}
	if len(compressed) > MaxToken {
		return nil, fmt.Errorf("%w: lst too long", ErrMalformed)
	}
	in := bytes.NewReader(compressed)
	r, err := zlib.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%w: lst: %w", ErrMalformed, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxList+1))
	if err != nil { // also a wrong checksum
		return nil, fmt.Errorf("%w: lst: %w", ErrMalformed, err)
	}
	list, err := FromBytes(bits, data)
	if err == nil && in.Len() > 0 {
		return nil, fmt.Errorf("%w: lst: %d bytes follow it", ErrMalformed, in.Len())
	}
	return list, err
}
