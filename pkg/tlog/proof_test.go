package tlog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/tlog"
)

func proofs(t testing.TB, size int) (*tree, []tlog.Proof) {
	t.Helper()
	log := newTree()
	for n := range size {
		log.add(fmt.Appendf(nil, "entry %d", n))
	}
	note := witnessed(t, log.Size(), log.Root(), 11, 12)
	var all []tlog.Proof
	for n := range int64(size) {
		path, err := tlog.ProveInclusion(t.Context(), log, log.Size(), log.Root(), n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tlog.Proof{Index: n, Path: path, Checkpoint: note})
	}
	return log, all
}

//clause:log tlog-proof
func TestProof(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 8, 300} {
		log, all := proofs(t, size)
		for n, proof := range all {
			again, err := tlog.ParseProof(proof.Marshal())
			if err != nil || string(again.Marshal()) != string(proof.Marshal()) {
				t.Fatalf("%d of %d: %v", n, size, err)
			}
			c, err := twoOfThree(t).VerifyInclusion(log.entries[n], again)
			if err != nil || c.Size != int64(size) {
				t.Errorf("%d of %d: %+v, %v", n, size, c, err)
			}
		}
	}
}

func TestVerifyInclusionRefuses(t *testing.T) {
	log, all := proofs(t, 7)
	for _, tt := range []struct {
		name  string
		alter func(p *tlog.Proof, entry *[]byte)
		want  error
	}{
		{"another entry", func(_ *tlog.Proof, e *[]byte) { *e = log.entries[4] }, tlog.ErrNotIncluded},
		{"another index", func(p *tlog.Proof, _ *[]byte) { p.Index++ }, tlog.ErrNotIncluded},
		{"an index beyond the tree", func(p *tlog.Proof, _ *[]byte) { p.Index = 7 }, tlog.ErrNotIncluded},
		{"a shorter path", func(p *tlog.Proof, _ *[]byte) { p.Path = p.Path[1:] }, tlog.ErrNotIncluded},
		{"a longer path", func(p *tlog.Proof, _ *[]byte) { p.Path = append(p.Path, tlog.Hash{}) }, tlog.ErrNotIncluded},
		{"a node as an entry", func(p *tlog.Proof, e *[]byte) { *e = p.Path[0][:]; p.Path = p.Path[1:] }, tlog.ErrNotIncluded},
		{"another tree", func(p *tlog.Proof, _ *[]byte) { p.Checkpoint = witnessed(t, 7, tlog.Hash{}, 11, 12) }, tlog.ErrNotIncluded},
		{"too few witnesses", func(p *tlog.Proof, _ *[]byte) { p.Checkpoint = witnessed(t, 7, log.Root(), 11) }, tlog.ErrUnwitnessed},
		{"another entry and too few witnesses", func(p *tlog.Proof, e *[]byte) {
			p.Checkpoint, *e = witnessed(t, 7, log.Root(), 11), log.entries[4]
		}, tlog.ErrNotIncluded},
		{"no log", func(p *tlog.Proof, _ *[]byte) { p.Checkpoint = mustNote(t, logSigner(t, 2)) }, tlog.ErrUnsigned},
	} {
		t.Run("it refuses "+tt.name, func(t *testing.T) {
			p, entry := all[3], log.entries[3]
			p.Path = append([]tlog.Hash(nil), p.Path...)
			tt.alter(&p, &entry)
			if _, err := twoOfThree(t).VerifyInclusion(entry, p); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

//clause:log tlog-proof
func TestParseProofRefuses(t *testing.T) {
	_, all := proofs(t, 7)
	all[3].Extra = []byte("more")
	good := string(all[3].Marshal())
	if _, err := tlog.ParseProof([]byte(good)); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	for name, text := range map[string]string{
		"nothing":                "",
		"no version":             strings.Join(lines[1:], ""),
		"another version":        strings.Replace(good, "@v1", "@v2", 1),
		"no index":               lines[0] + strings.Join(lines[3:], ""),
		"an index of -1":         strings.Replace(good, "index 3", "index -1", 1),
		"an index of 03":         strings.Replace(good, "index 3", "index 03", 1),
		"an extra after":         lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""),
		"an extra not base64":    strings.Replace(good, "extra ", "extra !", 1),
		"a hash that is short":   lines[0] + lines[2] + "AAAA\n" + strings.Join(lines[3:], ""),
		"a hash not base64":      lines[0] + lines[2] + strings.Repeat("!", 44) + "\n" + strings.Join(lines[3:], ""),
		"a hash of 33 bytes":     lines[0] + lines[2] + strings.Repeat("A", 44) + "\n" + strings.Join(lines[3:], ""),
		"a hash with stray bits": strings.Replace(good, lines[3], lines[3][:42]+string(lines[3][42]+1)+"=\n", 1),
		"an extra alone":         lines[0] + strings.TrimSuffix(lines[1], "\n") + strings.Join(lines[6:], ""),
		"a hash with a return":   strings.Replace(good, lines[3], strings.Replace(lines[3], "=", "\r=", 1), 1),
		"no checkpoint":          good[:strings.Index(good, "\n\n")+2],
		"no empty line":          strings.Replace(good, "\n\n", "\n", 1),
		"64 hashes":              lines[0] + lines[2] + strings.Repeat(lines[3], 64) + "\n" + string(all[3].Checkpoint),
		"much too much":          good + strings.Repeat("x", 3*tlog.MaxCheckpoint),
		"something before":       " " + good,
	} {
		if _, err := tlog.ParseProof([]byte(text)); !errors.Is(err, tlog.ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEntries(t *testing.T) {
	one := tlog.Commitment("consent", [32]byte{1}, [32]byte{2})
	if !tlog.IsCommitment(one) || len(one) != 33 {
		t.Errorf("%x", one)
	}
	for name, other := range map[string][]byte{
		"domain": tlog.Commitment("passkey", [32]byte{1}, [32]byte{2}),
		"salt":   tlog.Commitment("consent", [32]byte{2}, [32]byte{2}),
		"digest": tlog.Commitment("consent", [32]byte{1}, [32]byte{3}),
	} {
		if cmp.Equal(one, other) {
			t.Errorf("another %s, the same commitment", name)
		}
	}
	body := map[string]any{"z": 1, "a": []string{"<&>", "한글"}, "m": nil, "t": true}
	entry, err := tlog.Statement("status-list", body)
	want := "\x02" + `{"body":{"a":["<&>","한글"],"m":null,"t":true,"z":1},"kind":"status-list"}`
	if err != nil || string(entry) != want {
		t.Fatalf("%s, %v", entry, err)
	}
	kind, raw, err := tlog.ParseStatement(entry)
	if err != nil || kind != "status-list" || !strings.HasPrefix(string(raw), `{"a"`) {
		t.Errorf("%s, %s, %v", kind, raw, err)
	}
	for _, bad := range []string{"", "\x01{}", "\x02", "\x02{}x", "\x02{\"kind\":\"a\",\"body\":1}", "\x02{\"body\":1,\"kind\":\"a\",\"more\":1}",
		"\x02{\"body\":{\"a\":1,\"a\":2},\"kind\":\"a\"}", "\x02{\"body\":1.5,\"kind\":\"a\"}", "\x02{ \"body\":1,\"kind\":\"a\"}", "\x02{\"body\":1,\"Kind\":\"a\"}"} {
		if kind, body, err := tlog.ParseStatement([]byte(bad)); !errors.Is(err, tlog.ErrEntry) {
			t.Errorf("%q: %q %q %v", bad, kind, body, err)
		}
	}
	for name, body := range map[string]any{
		"a fraction": 1.5, "a fraction in a list": []any{1, 1.5}, "a fraction in a map": map[string]any{"a": 1.5},
		"what is no JSON": func() {},
	} {
		if entry, err := tlog.Statement("x", body); err == nil {
			t.Errorf("it takes %s: %q", name, entry)
		}
	}
}

func TestParseAddCheckpointRefuses(t *testing.T) {
	note := witnessed(t, 7, tlog.Hash{})
	good := string(tlog.AddCheckpoint{Old: 3, Proof: []tlog.Hash{{1}, {2}}, Checkpoint: note}.Marshal())
	if a, err := tlog.ParseAddCheckpoint([]byte(good)); err != nil || a.Old != 3 || len(a.Proof) != 2 || string(a.Checkpoint) != string(note) {
		t.Fatalf("%+v, %v", a, err)
	}
	for name, text := range map[string]string{
		"nothing":       "",
		"no old":        strings.Replace(good, "old ", "", 1),
		"old 03":        strings.Replace(good, "old 3", "old 03", 1),
		"old +3":        strings.Replace(good, "old 3", "old +3", 1),
		"old -1":        strings.Replace(good, "old 3", "old -1", 1),
		"old too great": strings.Replace(good, "old 3", "old 9223372036854775808", 1),
		"a short hash":  strings.Replace(good, "old 3\n", "old 3\nAAAA\n", 1),
		"64 hashes":     strings.Replace(good, "old 3\n", "old 3\n"+strings.Repeat(tlog.Hash{}.String()+"\n", 62), 1),
		"no checkpoint": "old 3\n\n",
		"much too much": good + strings.Repeat("— a b\n", tlog.MaxCheckpoint/4),
		"no empty line": "old 3\n" + string(note),
	} {
		if _, err := tlog.ParseAddCheckpoint([]byte(text)); !errors.Is(err, tlog.ErrAddCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
