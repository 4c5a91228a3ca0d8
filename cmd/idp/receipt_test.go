package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// anchors is a channel on which a world's log is anchored, as it is now.
type anchors struct {
	world   *consenttest.World
	channel *endorsementtest.Channel
}

func (a anchors) Anchor(context.Context, int64) (endorsement.Proof, bool, error) {
	head, err := a.world.Log.Head()
	return a.channel.Prove(endorsement.Record{Origin: head.Origin, Size: head.Size, Root: head.Root, Writer: "Org1MSP"}), true, err
}

func (a anchors) Read(ctx context.Context, _ string, size int64) (endorsement.Proof, error) {
	p, _, err := a.Anchor(ctx, size)
	return p, err
}

func (anchors) Close() error { return nil }

// receiptFiles writes, below a folder, a trust folder "trust", a folder of
// trust in a channel "fabric", and the receipt of a grant with its anchor
// "anchored.json" and without "plain.json".
func receiptFiles(dir string) (anchors, error) {
	ctx := context.Background()
	w := consenttest.New()
	key := w.People.Enrol("resident-01")
	grant := w.Granted(ctx, "resident-01", key)
	a := anchors{w, endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP")}
	err := consent.WriteTrust(filepath.Join(dir, "trust"), w.Files)
	if err != nil {
		return a, err
	}
	for name, made := range map[string]receipt.Assembler{
		"anchored.json": {Ledger: w.Ledger, Proofs: w.Log, Anchors: a}, "plain.json": {Ledger: w.Ledger, Proofs: w.Log},
	} {
		r, err := made.ForCitizen(ctx, grant.Grant, "resident-01")
		if err != nil {
			return a, err
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return a, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return a, err
		}
	}
	return a, os.CopyFS(filepath.Join(dir, "fabric"), a.channel.Folder())
}

func writeReceipt(ts *testscript.TestScript, _ bool, _ []string) {
	_, err := receiptFiles(ts.MkAbs("."))
	ts.Check(err)
}

// With --live the peers are asked again, and their word is measured as the
// receipt's is.
func TestReceiptLive(t *testing.T) {
	dir := t.TempDir()
	a, err := receiptFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func(before func(string) (peers, error)) { connectPeers = before }(connectPeers)
	verify := func(file string) string {
		t.Helper()
		report, err := verifyReceipt(t.Context(), filepath.Join(dir, file), filepath.Join(dir, "trust"), filepath.Join(dir, "fabric"), "connection.json")
		if err != nil {
			return err.Error()
		}
		for _, c := range report.Checks {
			if c.Name == "anchored on Fabric now" && c.OK == report.OK() {
				return c.Detail
			}
		}
		return "the check is missing, or decides nothing"
	}
	connectPeers = func(string) (peers, error) { return a, nil }
	if got := verify("anchored.json"); got != "1 checkpoints" {
		t.Errorf("what is anchored: %s", got)
	}
	if got := verify("plain.json"); !strings.Contains(got, "no anchor to ask for") {
		t.Errorf("what has no anchor: %s", got)
	}
	connectPeers = func(string) (peers, error) { return nil, errors.New("out of reach") }
	if got := verify("anchored.json"); got != "out of reach" {
		t.Errorf("peers out of reach: %s", got)
	}
	strangers := anchors{a.world, endorsementtest.New(a.world.Now(), "Org1MSP", "Org2MSP")}
	connectPeers = func(string) (peers, error) { return strangers, nil }
	if got := verify("anchored.json"); !strings.Contains(got, endorsement.CheckChain) {
		t.Errorf("strangers: %s", got)
	}
	a.world.Log.Append([]byte("later"))
	connectPeers = func(string) (peers, error) { return a, nil }
	if got := verify("anchored.json"); !strings.Contains(got, "than the receipt") {
		t.Errorf("another record: %s", got)
	}
	connectPeers = nil
	if got := verify("anchored.json"); !strings.Contains(got, "no client of Fabric") {
		t.Errorf("a build without adapter: %s", got)
	}
}
