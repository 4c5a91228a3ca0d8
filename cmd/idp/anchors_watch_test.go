package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// TestAuditOfAnchors takes proofs from a folder and from a hub.
func TestAuditOfAnchors(t *testing.T) {
	h := newAuditedHub(t)
	h.live(t, "one")
	channel := et.New(time.Now().Add(-time.Hour), "Org1MSP", "Org2MSP")
	fabric, proofs := t.TempDir(), t.TempDir()
	if err := os.CopyFS(fabric, channel.Folder()); err != nil {
		t.Fatal(err)
	}
	db, _ := h.published(t, func() {})
	source, err := audit.NewHTTP(db)
	if err != nil {
		t.Fatal(err)
	}
	note, err := source.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.policy.Open(note)
	if err != nil {
		t.Fatal(err)
	}
	prove := func(root tlog.Hash) []byte {
		return channel.Prove(endorsement.Record{Origin: c.Origin, Size: c.Size, Root: root, Writer: "Org1MSP"}).Marshal()
	}
	var digests []endorsement.Digest
	for n := range endorsement.MaxDigests {
		digests = append(digests, endorsement.Digest{ID: fmt.Sprintf("https://hub.example/status/%03d", n), Kind: "status-list"})
	}
	laden := channel.Prove(endorsement.Record{Digests: digests, Origin: c.Origin, Size: c.Size, Root: c.Root, Writer: "Org1MSP"}).Marshal()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(prove(c.Root)) }))
	defer hub.Close()
	write := func(proof []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(proofs, "1.json"), proof, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, from string
		proof      []byte
		want       audit.Check
	}{
		{"it takes the hub's newest", hub.URL, nil, ""},
		{"it takes those in a folder", proofs, prove(c.Root), ""},
		{"it takes one with as many digests as ride", proofs, laden, ""},
		{"it finds one of another tree", proofs, prove(tlog.Hash{1}), audit.Anchor},
		{"it finds one that does not verify", proofs, []byte("{}"), audit.Anchor},
		{"it finds one without end", proofs, make([]byte, 1<<20), audit.Anchor},
		{"it finds a hub that keeps none", db, nil, audit.Unreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(tt.proof)
			out, err := h.audit(t, "--log", db, "--state", "-", "--fabric", fabric, "--anchors", tt.from)
			expectExit(t, err, tt.want)
			if tt.want == "" && !strings.Contains(out, "every anchor is a beginning of the log") {
				t.Errorf("it says %s", out)
			}
		})
	}
	for want, args := range map[string][]string{
		"needs --fabric": {"--anchors", proofs},
		"needs --log":    {"--fabric", fabric},
		"fabric.json":    {"--fabric", proofs, "--anchors", proofs},
		"no such file":   {"--fabric", fabric, "--anchors", filepath.Join(proofs, "none")},
	} {
		if _, err := h.audit(t, append(args, "--state", "-")...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
