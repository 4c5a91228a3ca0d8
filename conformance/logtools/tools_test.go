package logtools

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/torchwood"
	formats "github.com/transparency-dev/formats/log"
	formatsnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// leaves is more than one full tile.
const leaves = 260

// TestStrangersReadTheLog grows a served log past one full tile, then reads it
// with torchwood and transparency-dev/formats: checkpoint, cosignatures, tiles,
// bundles, proofs; then from exported files.
func TestStrangersReadTheLog(t *testing.T) {
	h := startHub(t)
	var note []byte
	for n := 0; ; n++ {
		var err error
		note, err = h.get(h.url + "/log/checkpoint")
		if c, parsed := torchwood.ParseCheckpoint(body(note)); err == nil && parsed == nil && c.N >= leaves {
			break
		}
		if n == 2*leaves {
			t.Fatalf("the log does not grow: %v\n%s", err, note)
		}
		h.grow(t, n)
	}
	tree := h.checkpoint(t, note)
	fetch, err := torchwood.NewTileFetcher(h.url + "/log")
	must(t, err)
	t.Run("it reads the served log", func(t *testing.T) {
		entries := h.walk(t, fetch, tree)
		h.proofs(t, entries)
	})
	t.Run("it reads the exported log", h.exported)
}

// grow revokes a card that there is not: refused, and in the operator's trail.
func (h *hub) grow(t *testing.T, n int) {
	t.Helper()
	_ = exec.CommandContext(t.Context(), h.program, "revoke", "--data", h.data, "--credential", fmt.Sprint("none-", n)).Run()
}

// exported has the running hub's log written into files, and reads these; so
// does the auditor.
func (h *hub) exported(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	h.command(t, "log", "export", "--log", h.url, "--trust", h.data, "--dir", folder)
	files, err := torchwood.NewTileFS(os.DirFS(folder))
	must(t, err)
	note, err := files.ReadEndpoint(t.Context(), "checkpoint")
	must(t, err)
	h.walk(t, files, h.checkpoint(t, note))
	h.command(t, "audit", "--log", folder, "--trust", h.data, "--data", t.TempDir())

	h.start(t, "log", "export", "--log", h.url, "--trust", h.data, "--dir", folder, "--follow", "--interval", "100ms")
	h.grow(t, 1)
	eventually(t, func() error {
		now, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
		if err == nil && string(now) == string(note) {
			err = errors.New("the files do not follow the log")
		}
		note = now
		return err
	})
	h.walk(t, files, h.checkpoint(t, note))
}

func body(signed []byte) string {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	return text + "\n"
}

// checkpoint opens a checkpoint with both libraries, each with its own
// verifiers: the log's key, and each witness's.
func (h *hub) checkpoint(t *testing.T, signed []byte) tlog.Tree {
	t.Helper()
	log, err := note.NewVerifier(h.log)
	must(t, err)
	theirs := []note.Verifier{log}
	others := []note.Verifier{}
	other, err := formatsnote.NewVerifier(h.log)
	must(t, err)
	others = append(others, other)
	for _, vkey := range h.witnesses {
		v, err := torchwood.NewCosignatureVerifier(vkey)
		must(t, err)
		theirs = append(theirs, v)
		other, err := formatsnote.NewVerifierForCosignatureV1(vkey)
		must(t, err)
		others = append(others, other)
	}
	opened, err := note.Open(signed, note.VerifierList(theirs...))
	must(t, err)
	if len(opened.Sigs) != 3 || len(opened.UnverifiedSigs) != 0 {
		t.Errorf("torchwood: %d signatures known, %d not", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	for _, sig := range opened.Sigs[1:] {
		if at, err := torchwood.CosignatureTimestamp(sig); err != nil || at < 1_700_000_000 {
			t.Errorf("cosigned at %d: %v", at, err)
		}
	}
	c, err := torchwood.ParseCheckpoint(opened.Text)
	must(t, err)
	same, rest, _, err := formats.ParseCheckpoint(signed, log.Name(), others[0], others[1:]...)
	must(t, err)
	if same.Origin != c.Origin || same.Size != uint64(c.N) || string(same.Hash) != string(c.Hash[:]) || len(rest) != 0 {
		t.Errorf("two readings: %+v and %+v, %q", same, c, rest)
	}
	spoilt := strings.Replace(string(signed), "\n"+strconv.FormatInt(c.N, 10)+"\n", "\n"+strconv.FormatInt(c.N+1, 10)+"\n", 1)
	if _, err := note.Open([]byte(spoilt), note.VerifierList(theirs...)); err == nil {
		t.Error("another size is taken too")
	}
	return c.Tree
}

// walk reads every entry; torchwood checks each against the tree.
func (h *hub) walk(t *testing.T, from torchwood.TileReader, tree tlog.Tree) [][]byte {
	t.Helper()
	client, err := torchwood.NewClient(from)
	must(t, err)
	var entries [][]byte
	for i, entry := range client.AllEntries(t.Context(), tree, 0) {
		if i != int64(len(entries)) {
			t.Fatalf("entry %d comes as %d", len(entries), i)
		}
		entries = append(entries, append([]byte(nil), entry...))
	}
	must(t, client.Err())
	if int64(len(entries)) != tree.N {
		t.Fatalf("%d entries of %d", len(entries), tree.N)
	}
	for _, i := range []int64{0, 255, 256, tree.N - 1} {
		entry, proof, err := client.Entry(t.Context(), tree, i)
		must(t, err)
		must(t, tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(entry)))
	}
	return entries
}

// proofs asks for the proof of some entries and reads it as C2SP tlog-proof
// says, with torchwood's and x/mod's arithmetic.
func (h *hub) proofs(t *testing.T, entries [][]byte) {
	t.Helper()
	for _, i := range []int{0, 17, 255, 256, len(entries) - 1} {
		leaf := tlog.RecordHash(entries[i])
		text, err := h.get(h.url + "/log/proof?leaf=" + base64.RawURLEncoding.EncodeToString(leaf[:]))
		must(t, err)
		index, path, signed, err := readProof(string(text))
		must(t, err)
		tree := h.checkpoint(t, []byte(signed))
		must(t, tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf))
		if string(entries[index]) != string(entries[i]) {
			t.Errorf("entry %d is proven at %d", i, index)
		}
	}
}

// readProof reads C2SP tlog-proof, Format.
func readProof(text string) (index int64, path tlog.RecordProof, checkpoint string, err error) {
	head, checkpoint, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, nil, "", errors.New("no tlog-proof")
	}
	if _, err := fmt.Sscanf(lines[1], "index %d", &index); err != nil {
		return 0, nil, "", err
	}
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, "", err
		}
		path = append(path, hash)
	}
	return index, path, checkpoint, nil
}
