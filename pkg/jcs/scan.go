package jcs

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// scan reads plain JSON, part by part. Its methods answer false for all that is not
// plain, good JSON or not.
type scan struct {
	data []byte
	at   int
}

func (s *scan) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// next is the next byte that is not space, which stays; 0 at the end.
func (s *scan) next() byte {
	s.space()
	if s.at == len(s.data) {
		return 0
	}
	return s.data[s.at]
}

func (s *scan) end() bool { return s.next() == 0 && s.at == len(s.data) }

// byte takes the next byte if it is this one.
func (s *scan) byte(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// word takes this word, if it stands there whole.
func (s *scan) word(w string) bool {
	s.space()
	start := s.at
	if !bytes.HasPrefix(s.data[start:], []byte(w)) {
		return false
	}
	if s.at += len(w); s.closed() {
		return true
	}
	s.at = start
	return false
}

// closed: a word or number ends where it may.
func (s *scan) closed() bool {
	switch s.next() {
	case 0, ',', ']', '}':
		return true
	}
	return false
}

// number takes a whole number in its one spelling.
func (s *scan) number() ([]byte, bool) {
	s.space()
	start := s.at
	if s.at < len(s.data) && s.data[s.at] == '-' {
		s.at++
	}
	first := s.at
	for s.at < len(s.data) && s.data[s.at]-'0' <= 9 {
		s.at++
	}
	digits := s.at - first
	if digits == 0 || digits > maxDigits || s.data[first] == '0' && s.at-start > 1 {
		return nil, false
	}
	return s.data[start:s.at], s.closed()
}

// ordinary bytes stand in a text as they are.
var ordinary = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
	}
	return is
}()

// run is where the next byte is that does not stand in a text as it is, ASCII or
// not, or the end; wide tells that there was more than ASCII before it.
func run[T string | []byte](s T, at int) (end int, wide bool) {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	var all uint64
	for ; at+8 <= len(s); at += 8 {
		w := word(s[at:])
		quote, escape := w^ones*'"', w^ones*'\\'
		// the lowest byte that is marked is one; those above it may be marked by it
		if marked := ((w-ones*' ')&^w | (quote-ones)&^quote | (escape-ones)&^escape) & high; marked != 0 {
			all |= w & (marked&-marked - 1)
			return at + bits.TrailingZeros64(marked)/8, all&high != 0
		}
		all |= w
	}
	for ; at < len(s) && (ordinary[s[at]] || s[at] >= utf8.RuneSelf); at++ {
		all |= uint64(s[at])
	}
	return at, all&high != 0
}

// word is the first eight bytes, which there must be.
func word[T string | []byte](s T) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// name takes a text in ASCII without escapes, so that the order of its bytes is the
// order of its UTF-16 units; the quotes are part of it.
func (s *scan) name() ([]byte, bool) {
	quoted, escaped, wide, ok := s.text()
	return quoted, ok && !escaped && !wide
}

// text takes a text, in its quotes, whose escapes, if any, are those of one letter
// that RFC 8785, 3.2.2.2 keeps.
func (s *scan) text() (quoted []byte, escaped, wide, ok bool) {
	if s.next() != '"' {
		return nil, false, false, false
	}
	data, at := s.data, s.at+1
	for {
		end, more := run(data, at)
		wide = wide || more
		if at = end; at == len(data) {
			return nil, false, false, false
		}
		switch data[at] {
		case '"':
			quoted = data[s.at : at+1]
			s.at = at + 1
			return quoted, escaped, wide, !wide || utf8.Valid(quoted)
		case '\\':
			at++
			if at == len(data) || letters[data[at]] == 0 {
				return nil, false, false, false
			}
			escaped = true
		default:
			return nil, false, false, false
		}
		at++
	}
}

// letters are what the escapes of one letter stand for (RFC 8259, 7).
var letters = [256]byte{'"': '"', '\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
