package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/internal/anchor/fabric"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// mortal is the outbox of an anchorer around which something falls after a step
// is durable.
type mortal struct {
	*anchor.Folder
	step anchor.Step
	fall func()
	dead bool // the anchorer itself
}

var errDead = errors.New("the anchorer was killed")

func (m *mortal) Save(s anchor.State) error {
	if m.dead {
		return errDead
	}
	err := m.Folder.Save(s)
	if err == nil && m.fall != nil && s.Next != nil && s.Next.Step == m.step {
		fall := m.fall
		m.fall = nil
		fall()
	}
	if m.dead {
		return errDead
	}
	return err
}

// fallen is a log, a network of its own and an anchorer's folder, across which
// everything falls once at each step.
type fallen struct {
	*testing.T
	net    *stage.Fabric
	hub    *anchortest.Hub
	known  *endorsement.Trust
	folder string
	roots  map[int64]tlog.Hash
	outbox *mortal
	chain  *fabric.Chain
	back   chan error                             // the fallen process is up again
	others map[string]func(context.Context) error // what falls is no single process
}

// begin starts an anchorer on the folder, with connections of its own.
func (w *fallen) begin() *anchor.Anchorer {
	w.Helper()
	w.end()
	w.chain = open(w.T, w.net, 0, w.net.Organisations[0].User)
	folder, err := anchor.OpenFolder(w.folder)
	if err != nil {
		w.Fatal(err)
	}
	w.outbox = &mortal{Folder: folder}
	a, err := anchor.New(anchor.Options{
		Hub: w.hub, Chain: w.chain, Outbox: w.outbox, Policy: w.hub.Policy, Trust: w.known,
		Interval: time.Millisecond, Patience: 10 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *fallen) end() {
	if w.outbox != nil {
		_ = w.outbox.Close()
		_ = w.chain.Close()
	}
}

// fall kills a process, and starts it again a little later.
func (w *fallen) fall(victim string) {
	if victim == "anchorer" {
		w.outbox.dead = true
		return
	}
	w.back = make(chan error, 1)
	if do, known := w.others[victim]; known {
		go func() { w.back <- do(context.Background()) }()
		return
	}
	if err := w.net.Kill(victim); err != nil {
		w.Error(err)
	}
	go func() {
		time.Sleep(700 * time.Millisecond)
		w.back <- w.net.Start(context.Background(), victim)
	}()
}

// anchors lets the log grow and the victim fall at the step, until the log is
// anchored up to its end.
func (w *fallen) anchors(victim string, step anchor.Step) {
	w.Helper()
	w.hub.Add(w.T, tlog.Commitment("test", [32]byte{byte(len(w.roots))}, [32]byte{}))
	size := w.hub.Edge.Size()
	w.roots[size] = w.hub.Edge.Root()
	a := w.begin()
	w.outbox.step, w.outbox.fall = step, func() { w.fall(victim) }
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		err := a.Step(w.Context())
		if errors.Is(err, anchor.ErrFork) {
			w.Fatal(err)
		}
		if w.outbox.dead {
			a = w.begin()
		} else if _, there := w.hub.Proofs[size]; err == nil && there {
			break
		}
	}
	if w.back != nil {
		if err := <-w.back; err != nil {
			w.Fatal(err)
		}
		w.back = nil
	}
	if _, there := w.hub.Proofs[size]; !there {
		w.Fatalf("size %d was not anchored: %+v", size, a.Report())
	}
}

// TestDeath kills each process of the network, and the anchorer, after each
// step of the outbox: each checkpoint is anchored once, and its proof is here.
func TestDeath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	net, err := stage.StartFabric(t.Context(), dir, ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	known := trust(t, open(t, net, 0, net.Organisations[0].User))
	w := &fallen{T: t, net: net, hub: anchortest.New(t, known), known: known, folder: t.TempDir(), roots: map[int64]tlog.Hash{}}
	deaths := 0
	victims := []string{"peer1", "peer2", "orderer1", "anchorer"}
	if figure.Soak() {
		victims = append(victims, "chaincode1", "chaincode2")
	}
	for _, victim := range victims {
		for _, step := range []anchor.Step{anchor.Chosen, anchor.Prepared, anchor.Submitted, anchor.Settled, anchor.ReadBack} {
			t.Run(fmt.Sprintf("it goes on when %s falls after %s", victim, step), func(t *testing.T) {
				w.T = t
				w.anchors(victim, step)
			})
			if deaths++; t.Failed() {
				t.FailNow()
			}
		}
	}
	w.T = t
	w.whole()
	if figure.Soak() {
		figure.Hold(t, "deaths-fabric-soak", deaths, "deaths of a peer, the orderer, a chaincode process or the anchorer on the real network, the long form")
	} else {
		figure.Hold(t, "deaths-fabric", deaths, "deaths of a peer, the orderer or the anchorer on the real network, one after each step of the outbox")
	}
}

// whole compares log, ledger and shelf, size by size.
func (w *fallen) whole() {
	w.Helper()
	w.begin()
	defer w.end()
	eventually(w.T, func() error { _, err := w.chain.Latest(within(w.T), ours); return err })
	latest, err := w.chain.Latest(within(w.T), ours)
	if err != nil || latest != w.hub.Edge.Size() {
		w.Errorf("anchored up to %d of %d, %v", latest, w.hub.Edge.Size(), err)
	}
	for size, root := range w.roots {
		there, err := w.known.Verify(w.hub.Proofs[size])
		if err != nil || there.Root != root || there.Size != size {
			w.Errorf("size %d: %+v, %v", size, there, err)
		}
	}
}
