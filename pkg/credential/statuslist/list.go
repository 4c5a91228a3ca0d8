package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
)

// List is an array of statuses of 1, 2, 4 or 8 bits (draft, 4.1). It is not
// safe for concurrent writing.
type List struct {
	bits int
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
	return &List{bits: bits, data: make([]byte, (size+perByte-1)/perByte)}, nil
}

// FromBytes takes over a bit array as Bytes gives it.
func FromBytes(bits int, data []byte) (*List, error) {
	if err := checkBits(bits); err != nil {
		return nil, err
	}
	if len(data) == 0 || len(data) > MaxList {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(data))
	}
	return &List{bits: bits, data: data}, nil
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
func (l *List) Len() int { return len(l.data) * 8 / l.bits }

// Bytes is the bit array itself, uncompressed.
func (l *List) Bytes() []byte { return l.data }

// Get is the status at an index (draft, 4.1: bits count from the least
// significant).
func (l *List) Get(index int) (Status, error) {
	at, shift, err := l.place(index)
	if err != nil {
		return 0, err
	}
	return Status(l.data[at] >> shift & l.mask()), nil
}

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
		return 0, 0, fmt.Errorf("%w: %d", ErrOutOfRange, index)
	}
	bit := index * l.bits
	return bit / 8, bit % 8, nil
}

// Encode is the `lst` of a list: ZLIB at the best compression, base64url
// (draft, 4.2).
func (l *List) Encode() (string, error) {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	if _, err := w.Write(l.data); err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("status list: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes()), nil
}

// Decode reads a `lst`. It stops decompressing at MaxList.
func Decode(bits int, lst string) (*List, error) {
	if len(lst) > MaxToken {
		return nil, fmt.Errorf("%w: lst too long", ErrMalformed)
	}
	compressed, err := base64.RawURLEncoding.DecodeString(lst)
	if err != nil {
		return nil, fmt.Errorf("%w: lst: %w", ErrMalformed, err)
	}
	r, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("%w: lst: %w", ErrMalformed, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxList+1))
	if err != nil { // also a wrong checksum
		return nil, fmt.Errorf("%w: lst: %w", ErrMalformed, err)
	}
	return FromBytes(bits, data)
}
