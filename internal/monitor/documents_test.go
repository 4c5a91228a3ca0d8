package monitor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/did"
)

// TestDocuments has a hub that serves a DID document unlike its log's.
func TestDocuments(t *testing.T) {
	start := func(t *testing.T) (w *world, say func(text string, from int64)) {
		w = newWorld(t)
		w.options.Issuer = w.address
		w.options.Documents = &did.Resolver{Development: true}
		w.open()
		id, err := did.FromURL(w.address)
		if err != nil {
			t.Fatal(err)
		}
		say = func(text string, from int64) {
			entry, err := credential.NewDIDDocument(id, []byte(text), time.Unix(from, 0)).Entry()
			if err != nil {
				t.Fatal(err)
			}
			w.hub.add(t, entry)
		}
		w.lie(show("/.well-known/did.json", []byte("first")))
		say("first", 1)
		expect(t, w.round())
		return w, say
	}
	later := func(w *world) []audit.Check {
		w.open() // what was seen outlives a restart
		w.at = w.at.Add(2 * time.Minute)
		return w.round()
	}
	t.Run("it takes a new document before its leaf, for a while", func(t *testing.T) {
		w, say := start(t)
		w.lie(show("/.well-known/did.json", []byte("second")))
		expect(t, w.round())
		say("second", 2)
		expect(t, later(w))
	})
	t.Run("it finds a document that the log never gets", func(t *testing.T) {
		w, _ := start(t)
		w.lie(show("/.well-known/did.json", []byte("second")))
		expect(t, w.round())
		expect(t, later(w), audit.Document)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "says nothing") {
			t.Errorf("told %+v", w.told)
		}
		w.lie(show("/.well-known/did.json", []byte("first")))
		expect(t, w.round())
	})
	t.Run("it finds a document with a key that was replaced", func(t *testing.T) {
		w, say := start(t)
		say("third", 3)
		say("second", 2) // in any order
		expect(t, w.round())
		expect(t, later(w), audit.Document)
		if len(w.told) != 1 || !strings.Contains(w.told[0].Detail, "before 1970-01-01T00:00:03Z") {
			t.Errorf("told %+v", w.told)
		}
		w.lie(show("/.well-known/did.json", []byte("third")))
		expect(t, w.round())
	})
	t.Run("it finds a document out of reach", func(t *testing.T) {
		w, _ := start(t)
		w.lie(nil) // this hub serves none
		expect(t, w.round(), audit.Unreadable)
	})
	t.Run("it leaves alone what the hub was called before", func(t *testing.T) {
		w, _ := start(t)
		w.options.Issuer = "https://elsewhere.example"
		w.options.Documents = fetch(func(id string) ([]byte, error) { return nil, fmt.Errorf("asked for %s", id) })
		expect(t, later(w))
	})
	t.Run("it finds an entry that names no document", func(t *testing.T) {
		w, _ := start(t)
		w.hub.add(t, []byte("\x02{\"body\":{\"id\":\"x\"},\"kind\":\"did\"}"))
		expect(t, w.round(), audit.Unsaid)
	})
	t.Run("it keeps no more DIDs than a hub can have had", func(t *testing.T) {
		w, _ := start(t)
		var all [][]byte
		for n := range 64 {
			entry, err := credential.NewDIDDocument(fmt.Sprintf("did:web:h%d.example", n), nil, time.Unix(1, 0)).Entry()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, entry)
		}
		w.hub.add(t, all...)
		expect(t, w.round(), audit.Unsaid)
	})
}

type fetch func(id string) ([]byte, error)

func (f fetch) Fetch(_ context.Context, id string) ([]byte, error) { return f(id) }
