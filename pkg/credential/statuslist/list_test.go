package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"testing"
)

// The published vectors: draft-ietf-oauth-status-list, 4.2 and appendix "Test
// vectors for Status List encoding".
var vectors = []struct {
	name string
	bits int
	size int
	lst  string
	want map[int]Status
}{
	{"one bit, sixteen statuses", 1, 16, "eNrbuRgAAhcBXQ",
		map[int]Status{0: 1, 3: 1, 4: 1, 5: 1, 7: 1, 8: 1, 9: 1, 13: 1, 15: 1}},
	{"two bits, twelve statuses", 2, 12, "eNo76fITAAPfAgc",
		map[int]Status{0: 1, 1: 2, 3: 3, 5: 1, 7: 1, 8: 1, 9: 2, 10: 3, 11: 3}},
	{"one bit, 2^20 statuses", 1, 1 << 20,
		"eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb",
		map[int]Status{0: 1, 1993: 1, 25460: 1, 159495: 1, 495669: 1, 554353: 1, 645645: 1, 723232: 1, 854545: 1, 934534: 1, 1000345: 1}},
	{"two bits, 2^20 statuses", 2, 1 << 20,
		"eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVIAAAAAABAbiEBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEB5WwIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAID0ugQAAAAAAAAAAAAAAAAAQG12SgAAAAAAAAAAAAAAAAAAAAAAAAAAAOCSIQEAAAAAAAAAAAAAAAAAAAAAAAD8ExIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwJEuAQAAAAAAAAAAAAAAAAAAAAAAAMB9SwIAAAAAAAAAAAAAAAAAAACoYUoAAAAAAAAAAAAAAEBqH81gAQw",
		map[int]Status{0: 1, 1993: 2, 25460: 1, 159495: 3, 495669: 1, 554353: 1, 645645: 2, 723232: 1, 854545: 1, 934534: 2, 1000345: 3}},
}

//clause:formats Token Status List draft-21 (OpenID4VCI 1.0 pins draft 12, the same on the wire save 404 for 406): see the next section
//clause:formats Token Status List draft-21: published examples, limits, caching
//clause:status 4.1: 1, 2, 4, 8 bits, from the least significant; ZLIB; the published vectors of each width
func TestPublishedVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run("it reads and makes "+v.name, func(t *testing.T) {
			list, err := Decode(v.bits, v.lst)
			if err != nil {
				t.Fatal(err)
			}
			if list.Len() != v.size {
				t.Errorf("%d statuses, want %d", list.Len(), v.size)
			}
			made, err := New(v.bits, v.size)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list.Len() {
				got, err := list.Get(i)
				if err != nil || got != v.want[i] {
					t.Fatalf("status[%d] = %d, %v, want %d", i, got, err, v.want[i])
				}
				if err := made.Set(i, v.want[i]); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(made.Bytes(), list.Bytes()) {
				t.Error("made another bit array")
			}
		})
	}
}

//clause:status 8.3: the credential first; sub is the uri; exp; ttl; an index out of range is refused
func TestListRefuses(t *testing.T) {
	list, _ := New(1, 16)
	for _, i := range []int{-1, 16, 1 << 40} {
		if _, err := list.Get(i); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("it refuses index %d: %v", i, err)
		}
	}
	if err := list.Set(3, 2); err == nil {
		t.Error("it refuses a status wider than its bits")
	}
	for _, bits := range []int{0, 3, 16, -1} {
		if _, err := New(bits, 16); !errors.Is(err, ErrMalformed) {
			t.Errorf("it refuses bits %d: %v", bits, err)
		}
	}
	for _, size := range []int{0, -1, -100} {
		if _, err := New(1, size); !errors.Is(err, ErrMalformed) {
			t.Errorf("it refuses the size %d: %v", size, err)
		}
	}
	if _, err := New(8, MaxList+1); !errors.Is(err, ErrMalformed) {
		t.Errorf("it refuses a list too long: %v", err)
	}
	if _, err := FromBytes(3, []byte{0}); !errors.Is(err, ErrMalformed) {
		t.Errorf("it refuses bytes of three bits each: %v", err)
	}
}

func deflate(t testing.TB, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	chunk := make([]byte, 1<<20)
	for size > 0 {
		n, err := w.Write(chunk[:min(size, len(chunk))])
		if err != nil {
			t.Fatal(err)
		}
		size -= n
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes())
}

// padded is a good list of one byte whose compressed form is as long as wished,
// by blocks that hold nothing.
func padded(t *testing.T, size int) string {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	for out.Len() < size {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes())
}

//clause:status 11.1: bit and byte order, malformed and oversized lists
func TestDecodeRefuses(t *testing.T) {
	bomb := deflate(t, 16<<20)
	cases := []struct{ name, lst string }{
		{"it stops a decompression bomb", bomb},
		{"it refuses an empty list", deflate(t, 0)},
		{"it refuses one byte too many", deflate(t, MaxList+1)},
		{"it refuses what is longer than a token", padded(t, MaxToken)},
		{"it refuses what is longer than a token in base64 alone", padded(t, MaxToken*7/8)},
		{"it refuses a broken checksum", "eNrbuRgAAhcBXA"},
		{"it refuses what is not base64url", "!!!"},
		{"it refuses what is not zlib", "AAAA"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Decode(1, c.lst); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
	long, err := base64.RawURLEncoding.DecodeString(padded(t, MaxToken+8))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decompress(1, long); !errors.Is(err, ErrMalformed) {
		t.Errorf("it refuses what is longer than a token, in CBOR too: %v", err)
	}
	if _, err := Decode(1, deflate(t, MaxList)); err != nil {
		t.Errorf("it takes the longest list: %v", err)
	}
}
