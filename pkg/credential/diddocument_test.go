package credential

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

const testDID = "did:web:hub.example%3A8443"

func newDocument(t testing.TB, text string) []byte {
	t.Helper()
	entry, err := NewDIDDocument(testDID, []byte(text), testNow).Entry()
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// TestDocumentHistory has a policy that takes nothing but documents of the log.
//
//clause:formats did:web: a port percent-encoded, `did.json` as application/did+json, its digest in a store that others see
func TestDocumentHistory(t *testing.T) {
	l := newKeyLog(t)
	h := &KeyHistory{}
	for _, text := range []string{"first", "second"} {
		one, err := LoadKeyHistory(l.policy, l.history(t, newDocument(t, text), true))
		if err != nil {
			t.Fatal(err)
		}
		h.documents = append(h.documents, one.documents...)
	}
	if keys, documents := h.Count(); keys != 0 || documents != 2 {
		t.Errorf("%d keys, %d documents", keys, documents)
	}
	for _, tt := range []struct {
		name, id, text string
		history        *KeyHistory
		now            time.Time
		ok             bool
	}{
		{"it allows a document that is on the log", testDID, "second", h, testNow, true},
		{"it allows an earlier one", testDID, "first", h, testNow, true},
		{"it allows one by a clock that is a little behind", testDID, "second", h, testNow.Add(-skew), true},
		{"it asks nothing without a history", testDID, "third", nil, testNow, true},
		{"it refuses a document that is not on the log", testDID, "third", h, testNow, false},
		{"it refuses the document of another", "did:web:other.example", "second", h, testNow, false},
		{"it refuses a document before its time", testDID, "second", h, testNow.Add(-time.Hour), false},
		{"it refuses all by an empty history", testDID, "second", &KeyHistory{}, testNow, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.history.Allows(tt.id, []byte(tt.text), tt.now); (err == nil) != tt.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestDocumentHistoryRefuses(t *testing.T) {
	l := newKeyLog(t)
	sum := digest([]byte("x"))
	statement := func(kind string, body any) []byte {
		entry, err := tlog.Statement(kind, body)
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	body := func(id, sum string, from int64) map[string]any {
		return map[string]any{"id": id, "sha256": sum, "from": from}
	}
	other := body(testDID, sum, 1)
	other["y"] = 1
	for name, entry := range map[string][]byte{
		"it refuses another kind":           statement("catalogue", body(testDID, sum, 1)),
		"it refuses another method":         statement(StatementDID, body("did:key:z", sum, 1)),
		"it refuses what is no DID":         statement(StatementDID, body("hub.example", sum, 1)),
		"it refuses a short digest":         statement(StatementDID, body(testDID, sum[:42], 1)),
		"it refuses a digest with a break":  statement(StatementDID, body(testDID, "\n"+sum, 1)),
		"it refuses no time":                statement(StatementDID, body(testDID, sum, 0)),
		"it refuses a member of its own":    statement(StatementDID, other),
		"it refuses names in another case":  statement(StatementDID, map[string]any{"ID": testDID, "sha256": sum, "from": 1}),
		"it refuses what is no body at all": statement(StatementDID, 1),
		"it refuses a commitment":           tlog.Commitment("x", [32]byte{}, [32]byte{}),
	} {
		if d, err := ParseDIDDocument(entry); !errors.Is(err, ErrDIDDocument) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if _, err := LoadKeyHistory(l.policy, l.history(t, entry, true)); err == nil {
			t.Errorf("%s: it stands in a history", name)
		}
	}
	if d, err := ParseDIDDocument(newDocument(t, "x")); err != nil || d != NewDIDDocument(testDID, []byte("x"), testNow) {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := LoadKeyHistory(l.policy, l.history(t, newDocument(t, "x"), false)); err == nil {
		t.Error("it takes a document under a checkpoint without witnesses")
	}
}

// FuzzParseDIDDocument: what is taken is what Entry writes.
func FuzzParseDIDDocument(f *testing.F) {
	f.Add(newDocument(f, "x"))
	f.Add([]byte("\x02{\"body\":{},\"kind\":\"did\"}"))
	f.Fuzz(func(t *testing.T, entry []byte) {
		d, err := ParseDIDDocument(entry)
		if err != nil {
			if !errors.Is(err, ErrDIDDocument) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		if again, err := d.Entry(); err != nil || !bytes.Equal(again, entry) {
			t.Fatalf("%+v is written as %q: %v", d, again, err)
		}
	})
}
