package envelope

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"testing"
)

var bound = Binding{GrantID: "grant-1", Use: 1, SchemaHash: "c2NoZW1h"}

func sealed(t testing.TB) (*PrivateKey, []byte) {
	t.Helper()
	k, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	ct, err := Seal(k.Public(), bound, []byte("vision_ok"))
	if err != nil {
		t.Fatal(err)
	}
	return k, ct
}

func TestOpen(t *testing.T) {
	k, ct := sealed(t)
	got, err := k.Open(bound, ct)
	if err != nil || string(got) != "vision_ok" {
		t.Fatalf("Open = %q, %v", got, err)
	}
	seed, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParsePrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Open(bound, ct); err != nil {
		t.Fatalf("a key read back from its bytes: %v", err)
	}
}

//clause:consent HPKE, MLKEM768X25519, bound to grant, use and schema
func TestOpenRefuses(t *testing.T) {
	k, ct := sealed(t)
	other, _ := Generate()
	info, err := bound.info()
	if err != nil {
		t.Fatal(err)
	}
	long, err := hpke.Seal(k.key.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), info, make([]byte, MaxPlaintext+overhead))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte { c := bytes.Clone(ct); c[i] ^= 1; return c }
	for _, tt := range []struct {
		name string
		key  *PrivateKey
		b    Binding
		ct   []byte
	}{
		{"it refuses another grant", k, Binding{"grant-2", 1, bound.SchemaHash}, ct},
		{"it refuses another use", k, Binding{"grant-1", 2, bound.SchemaHash}, ct},
		{"it refuses another schema", k, Binding{"grant-1", 1, "b3RoZXI"}, ct},
		{"it refuses another key", other, bound, ct},
		{"it refuses a flipped encapsulation", k, bound, flip(0)},
		{"it refuses a flipped ciphertext", k, bound, flip(len(ct) - 1)},
		{"it refuses a cut ciphertext", k, bound, ct[:len(ct)-1]},
		{"it refuses nothing", k, bound, nil},
		{"it refuses too much, however well sealed", k, bound, long},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.key.Open(tt.b, tt.ct); !errors.Is(err, ErrOpen) {
				t.Errorf("Open: %v, want ErrOpen", err)
			}
		})
	}
}

//clause:consent HPKE, MLKEM768X25519, bound to grant, use and schema
func TestBindingIsWhole(t *testing.T) {
	k, _ := Generate()
	for _, tt := range []struct {
		name string
		b    Binding
	}{
		{"it needs a grant", Binding{"", 1, "s"}},
		{"it needs a use", Binding{"g", 0, "s"}},
		{"it needs a schema hash", Binding{"g", 1, ""}},
		{"it refuses a NUL that could move a border", Binding{"g\x001", 1, "s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Seal(k.Public(), tt.b, []byte("x")); err == nil {
				t.Error("sealed")
			}
			if _, err := k.Open(tt.b, []byte("x")); err == nil {
				t.Error("opened")
			}
		})
	}
}

func TestSealRefuses(t *testing.T) {
	k, _ := Generate()
	for _, public := range [][]byte{k.Public()[1:], []byte("short"), nil} {
		if _, err := Seal(public, bound, nil); !errors.Is(err, ErrPublicKey) {
			t.Errorf("it seals to %d bytes: %v", len(public), err)
		}
	}
	if _, err := Seal(k.Public(), bound, make([]byte, MaxPlaintext+1)); err == nil {
		t.Error("it sealed too large a plaintext")
	}
}

func FuzzOpen(f *testing.F) {
	k, ct := sealed(f)
	f.Add(ct)
	f.Add([]byte{})
	f.Add(ct[:1120])
	f.Fuzz(func(t *testing.T, c []byte) {
		got, err := k.Open(bound, c)
		if err == nil && !bytes.Equal(c, ct) {
			t.Errorf("opened a ciphertext that was never sealed: %q", got)
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	k, _ := Generate()
	f.Add(k.Public())
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ct, err := Seal(b, bound, []byte("x"))
		switch {
		case err != nil && (ct != nil || bytes.Equal(b, k.Public())), err == nil && len(b) != len(k.Public()):
			t.Errorf("%x: %x, %v", b, ct, err)
		}
	})
}
