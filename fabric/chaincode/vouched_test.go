package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func logOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), n))
}

func public(n byte) string {
	return base64.StdEncoding.EncodeToString(logOf(n).Public().(ed25519.PublicKey))
}

// signed is a request with the log's signatures over this text.
func signed(size int64, root, text string, keys ...byte) string {
	r := request{Digests: []digest{}, Origin: origin, Root: root, Size: size}
	for _, n := range keys {
		r.Signatures = append(r.Signatures, base64.StdEncoding.EncodeToString(ed25519.Sign(logOf(n), []byte(text))))
	}
	return encode(r)
}

func note(size int64, root string) string { return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root) }

// TestPutWantsTheLog: where the log's keys are registered, whoever has the
// anchorer's key anchors nothing that the log did not sign.
func TestPutWantsTheLog(t *testing.T) {
	c := newCast(t)
	logs := []string{public(1), public(2)}
	slices.Sort(logs)
	for _, admin := range []person{c.admin1, c.admin2} {
		c.must(t, admin, "Vote", origin, "2", encode(operator{[]string{c.user.key}, logs, "Org1MSP"}))
	}
	for name, request := range map[string]string{
		"without a signature":           put(7, b64('r')),
		"signed by another key":         signed(7, b64('r'), note(7, b64('r')), 3),
		"signed for another root":       signed(7, b64('r'), note(7, b64('x')), 1),
		"signed for another size":       signed(7, b64('r'), note(8, b64('r')), 1),
		"of a size beyond all":          signed(maxSize, b64('r'), note(7, b64('r')), 1),
		"signed as another log's":       signed(7, b64('r'), strings.Replace(note(7, b64('r')), origin, "log.other", 1), 1),
		"signed with an extension line": signed(7, b64('r'), note(7, b64('r'))+"more\n", 1),
	} {
		t.Run("it refuses a checkpoint "+name, func(t *testing.T) { c.refused(t, "UNSIGNED", c.user, "Put", request) })
	}
	c.refused(t, "NOTFOUND", c.user, "Latest", origin)
	c.refused(t, "FOREIGN", c.other, "Put", signed(7, b64('r'), note(7, b64('r')), 1))
	for i, keys := range [][]byte{{1}, {2}, {3, 1}, {1, 2}} {
		size := int64(i + 1)
		if got := c.must(t, c.user, "Put", signed(size, b64('r'), note(size, b64('r')), keys...)); strings.Contains(got, "signatures") {
			t.Errorf("the record says more than before: %s", got)
		}
	}
	// Without keys of the log nobody asks, as before.
	for _, admin := range []person{c.admin1, c.admin2} {
		c.must(t, admin, "Vote", origin, "3", encode(operator{[]string{c.user.key}, nil, "Org1MSP"}))
	}
	c.must(t, c.user, "Put", put(9, b64('r')))
}

func TestLogsAndSignaturesInTheirForm(t *testing.T) {
	key := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for name, raw := range map[string]string{
		"no log, though named": `{"keys":["` + key + `"],"logs":[],"msp":"Org1MSP"}`,
		"a short log key":      encode(operator{[]string{key}, []string{public(1)[:40]}, "Org1MSP"}),
		"a log key twice":      encode(operator{[]string{key}, []string{public(1), public(1)}, "Org1MSP"}),
		"five log keys":        encode(operator{[]string{key}, []string{"a", "b", "c", "d", "e"}, "Org1MSP"}),
	} {
		if _, err := parseOperator(raw); err == nil {
			t.Errorf("it takes %s", name)
		}
	}
	good := signed(7, b64('r'), "x", 1)
	if _, err := parseRequest(good); err != nil {
		t.Error(err)
	}
	one := base64.StdEncoding.EncodeToString(ed25519.Sign(logOf(1), []byte("x")))
	for name, raw := range map[string]string{
		"five signatures":          signed(7, b64('r'), "x", 1, 1, 1, 1, 1),
		"a short signature":        strings.Replace(good, one, one[:40], 1),
		"no signature, though so":  strings.Replace(good, `["`+one+`"]`, "[]", 1),
		"a signature without text": strings.Replace(good, one, "", 1),
	} {
		if _, err := parseRequest(raw); err == nil {
			t.Errorf("it takes %s", name)
		}
	}
}

func TestOperatorOfALog(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	raw := append([]byte{1}, logOf(1).Public().(ed25519.PublicKey)...)
	good := write("log.vkey", "log.example+00000000+"+base64.StdEncoding.EncodeToString(raw)+"\n")
	if key, err := logKey(good); err != nil || key != public(1) {
		t.Errorf("%s, %v", key, err)
	}
	raw[0] = 4
	for name, file := range map[string]string{
		"of a witness": write("witness", "w+00000000+"+base64.StdEncoding.EncodeToString(raw)),
		"of nothing":   write("nothing", "log.example"), "that is not there": filepath.Join(folder, "none"),
	} {
		if err := runOperator([]string{"--msp", "Org1MSP", "--log", file}, new(bytes.Buffer)); err == nil {
			t.Errorf("it takes a key %s", name)
		}
	}
}
