package tlog_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/tlog"
)

const signedOrigin = "log.example"

func logSigner(t testing.TB, seed byte) tlog.Signer {
	t.Helper()
	s, err := tlog.NewSigner(signedOrigin, key(seed))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func cosigner(t testing.TB, seed byte) tlog.Signer {
	t.Helper()
	s, err := tlog.NewCosigner("witness.example/"+string(rune('a'+seed)), key(seed), at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// witnessed is a checkpoint cosigned by the witnesses with these seeds.
func witnessed(t testing.TB, size int64, root tlog.Hash, seeds ...byte) []byte {
	t.Helper()
	note, err := tlog.NewCheckpoint(logSigner(t, 1), size, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range seeds {
		note = add(t, note, cosigner(t, seed))
	}
	return note
}

func add(t testing.TB, note []byte, s tlog.Signer) []byte {
	t.Helper()
	line, err := tlog.Cosign(s, note)
	if err != nil {
		t.Fatal(err)
	}
	note, err = tlog.Merge(note, line)
	if err != nil {
		t.Fatal(err)
	}
	return note
}

func twoOfThree(t testing.TB) tlog.Policy {
	t.Helper()
	var ws []tlog.Witness
	for i, seed := range []byte{11, 12, 13} {
		k, err := tlog.ParseKey(witnessVKey(seed))
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, tlog.Witness{Name: fmt.Sprintf("w%d", i+1), Key: k})
	}
	p, err := tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: tlog.LogKey(signedOrigin, public(1))}, ws, 2))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

//clause:log signed-note, tlog-checkpoint, tlog-policy
func TestOpen(t *testing.T) {
	root := tlog.LeafHash([]byte("x"))
	note := witnessed(t, 7, root, 11, 13)
	replace := func(old, new string) []byte { return []byte(strings.Replace(string(note), old, new, 1)) }
	signedText := func(text string) []byte {
		n := "\n" + "— " + signedOrigin + " " + rawSignature(key(1), 0x01, signedOrigin, text, nil) + "\n"
		return []byte(text + n)
	}
	for _, tt := range []struct {
		name string
		note []byte
		want error
		who  []string
	}{
		{"it takes a quorum", note, nil, []string{"w1", "w3"}},
		{"it takes all", witnessed(t, 7, root, 11, 12, 13), nil, []string{"w1", "w2", "w3"}},
		{"it ignores unknown witnesses", witnessed(t, 7, root, 55, 11, 12), nil, []string{"w1", "w2"}},
		{"it takes extension lines", add(t, add(t, signedText("log.example\n7\n"+root.String()+"\nmore\n"), cosigner(t, 11)), cosigner(t, 12)), nil, []string{"w1", "w2"}},
		{"it says UNWITNESSED for one", witnessed(t, 7, root, 11), tlog.ErrUnwitnessed, []string{"w1"}},
		{"it counts nobody twice", add(t, witnessed(t, 7, root, 11), cosigner(t, 11)), tlog.ErrUnwitnessed, []string{"w1"}},
		{"it does not count unknown witnesses", witnessed(t, 7, root, 11, 55, 56), tlog.ErrUnwitnessed, []string{"w1"}},
		{"it refuses another log's key", mustNote(t, logSigner(t, 2)), tlog.ErrUnsigned, nil},
		{"it refuses witnesses without the log", add(t, add(t, mustNote(t, logSigner(t, 2)), cosigner(t, 11)), cosigner(t, 12)), tlog.ErrUnsigned, nil},
		{"it refuses another size", replace("\n7\n", "\n8\n"), tlog.ErrUnsigned, nil},
		{"it refuses another origin", replace("log.example\n", "log.other\n"), tlog.ErrUnsigned, nil},
		{"it refuses another origin under the log's key", signedText("log.other\n7\n" + root.String() + "\n"), tlog.ErrUnsigned, nil},
		{"it refuses one witness's cosignature under another's name", borrowed(t, witnessed(t, 7, root, 11, 12), 12, 11), tlog.ErrUnsigned, nil},
		{"it refuses a size with a zero before", signedText("log.example\n07\n" + root.String() + "\n"), tlog.ErrCheckpoint, nil},
		{"it refuses a negative size", signedText("log.example\n-7\n" + root.String() + "\n"), tlog.ErrCheckpoint, nil},
		{"it refuses a short root", signedText("log.example\n7\nAAAA\n"), tlog.ErrCheckpoint, nil},
		{"it refuses an empty line", signedText("log.example\n7\n" + root.String() + "\n\nmore\n"), tlog.ErrCheckpoint, nil},
		{"it refuses two lines", signedText("log.example\n7\n"), tlog.ErrCheckpoint, nil},
		{"it refuses a note without signatures", []byte("log.example\n7\n" + root.String() + "\n"), tlog.ErrCheckpoint, nil},
		{"it refuses nothing at all", nil, tlog.ErrCheckpoint, nil},
		{"it refuses much too much, however well signed", add(t, add(t, signedText("log.example\n7\n"+root.String()+"\n"+strings.Repeat("x", tlog.MaxCheckpoint)+"\n"),
			cosigner(t, 11)), cosigner(t, 12)), tlog.ErrCheckpoint, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := twoOfThree(t).Open(tt.note)
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			remembers := twoOfThree(t).Remembering()
			for range 2 {
				_, _ = remembers.Open(witnessed(t, 7, root, 11, 12, 13))
				_, _ = remembers.Open(note)
				again, err := remembers.Open(tt.note)
				if !errors.Is(err, tt.want) || !cmp.Equal(again, c) {
					t.Errorf("a policy that remembers: %+v, %v", again, err)
				}
			}
			if !cmp.Equal(c.Witnesses, tt.who) {
				t.Errorf("witnesses %v", c.Witnesses)
			}
			if tt.who != nil && (c.Size != 7 || c.Root != root || c.Origin != signedOrigin) {
				t.Errorf("%+v", c)
			}
		})
	}
	if _, err := (tlog.Policy{}).Open(note); !errors.Is(err, tlog.ErrUnsigned) {
		t.Errorf("the zero policy: %v", err)
	}
}

// borrowed gives one witness's line the signature of another's.
func borrowed(t testing.TB, note []byte, to, from byte) []byte {
	t.Helper()
	lines := map[byte][]byte{}
	for _, seed := range []byte{to, from} {
		_, line, ok := strings.Cut(string(note), "— "+cosigner(t, seed).Name()+" ")
		if !ok {
			t.Fatal("no such witness")
		}
		line, _, _ = strings.Cut(line, "\n")
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		lines[seed] = raw
	}
	mixed := slices.Concat(lines[to][:4], lines[from][4:])
	return []byte(strings.Replace(string(note), base64.StdEncoding.EncodeToString(lines[to]), base64.StdEncoding.EncodeToString(mixed), 1))
}

func mustNote(t testing.TB, s tlog.Signer) []byte {
	t.Helper()
	note, err := tlog.NewCheckpoint(s, 7, tlog.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	return note
}

// rawSignature builds a signature as the texts say, without our code: C2SP
// signed-note (type 1) and tlog-cosignature (type 4, with a time).
func rawSignature(private ed25519.PrivateKey, alg byte, name, text string, at *uint64) string {
	id := tlog.LogKey(name, private.Public().(ed25519.PublicKey)).KeyHash()
	message := text
	var stamp []byte
	if alg == 4 {
		id = tlog.WitnessKey(name, private.Public().(ed25519.PublicKey)).KeyHash()
		message = fmt.Sprintf("cosignature/v1\ntime %d\n%s", *at, text)
		stamp = binary.BigEndian.AppendUint64(nil, *at)
	}
	out := binary.BigEndian.AppendUint32(nil, id)
	out = append(append(out, stamp...), ed25519.Sign(private, []byte(message))...)
	return base64.StdEncoding.EncodeToString(out)
}

//clause:log tlog-cosignature
func TestCosignatureFormat(t *testing.T) {
	note := mustNote(t, logSigner(t, 1))
	text := string(note[:strings.Index(string(note), "\n\n")+1])
	line, err := tlog.Cosign(cosigner(t, 11), note)
	if err != nil {
		t.Fatal(err)
	}
	now := uint64(at().Unix())
	want := "— witness.example/l " + rawSignature(key(11), 4, "witness.example/l", text, &now) + "\n"
	if string(line) != want {
		t.Errorf("%s, want %s", line, want)
	}
	// A time above 2^63-1 is refused although the signature is right.
	late := uint64(1) << 63
	bad := "— witness.example/l " + rawSignature(key(11), 4, "witness.example/l", text, &late) + "\n"
	merged, err := tlog.Merge(note, []byte(bad))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := twoOfThree(t).Open(merged); !errors.Is(err, tlog.ErrUnsigned) {
		t.Errorf("a time beyond: %v", err)
	}
}

func TestMergeRefuses(t *testing.T) {
	note := mustNote(t, logSigner(t, 1))
	for _, lines := range []string{"x\n", "— a", "\n— a b\n", "text\n\n— a b\n"} {
		if _, err := tlog.Merge(note, []byte(lines)); err == nil {
			t.Errorf("it takes %q", lines)
		}
	}
	if again, err := tlog.Merge(note, nil); err != nil || string(again) != string(note) {
		t.Errorf("nothing: %v", err)
	}
}
