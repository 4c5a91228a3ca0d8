package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/internal/anchor/fabric"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

const ours = anchortest.Origin

// shared is one network for the tests that kill nothing.
var shared struct {
	once sync.Once
	net  *stage.Fabric
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.net != nil {
		if err := shared.net.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		_ = os.RemoveAll(filepath.Dir(shared.net.Dir))
	}
	stage.RemoveNetworkProgram()
	os.Exit(code)
}

func network(t *testing.T) *stage.Fabric {
	t.Helper()
	shared.once.Do(func() {
		var dir string
		if dir, shared.err = os.MkdirTemp("", "mydata-fabric-"); shared.err == nil {
			shared.net, shared.err = stage.StartFabric(context.Background(), filepath.Join(dir, "net"), ours)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.net
}

func open(t *testing.T, net *stage.Fabric, organisation int, who stage.Identity) *fabric.Chain {
	t.Helper()
	file := filepath.Join(t.TempDir(), "connection.json")
	if err := net.Connection(file, organisation, who); err != nil {
		t.Fatal(err)
	}
	c, err := fabric.ReadConnection(file)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := fabric.Open(c, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chain.Close() })
	return chain
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// put anchors, from endorsement to commit.
func put(t *testing.T, chain *fabric.Chain, p anchor.Put) anchor.Pending {
	t.Helper()
	pending, err := chain.Prepare(within(t), p)
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Submit(within(t), pending); err != nil {
		t.Fatal(err)
	}
	if outcome, err := chain.Status(within(t), pending); outcome != anchor.Committed || err != nil {
		t.Fatalf("%v, %v", outcome, err)
	}
	return pending
}

// trust pins what the network says of itself now.
func trust(t *testing.T, chain *fabric.Chain) *endorsement.Trust {
	t.Helper()
	dir := t.TempDir()
	if err := chain.WriteTrust(within(t), dir); err != nil {
		t.Fatal(err)
	}
	known, err := endorsement.LoadTrust(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func TestChain(t *testing.T) {
	net := network(t)
	chain := open(t, net, 0, net.Organisations[0].User)
	known := trust(t, chain)
	if size, err := chain.Latest(within(t), "log.example/none"); size != 0 || err != nil {
		t.Errorf("latest of nothing: %d, %v", size, err)
	}
	before, err := chain.Latest(within(t), ours)
	if err != nil {
		t.Fatal(err)
	}
	p := anchor.Put{Origin: ours, Size: before + 10, Root: tlog.Hash{1, 2}, Digests: []anchor.Digest{
		{Kind: "did", ID: "did:web:a.example?<&>\"\\", Digest: tlog.Hash{3}}, {Kind: "status-list", ID: "x", Digest: tlog.Hash{4}},
	}}
	pending := put(t, chain, p)
	t.Run("it proves what is committed", func(t *testing.T) {
		var proof endorsement.Proof
		eventually(t, func() error {
			var err error
			proof, err = chain.Read(within(t), ours, p.Size)
			return err
		})
		there, err := known.Verify(proof)
		if err != nil {
			t.Fatal(err)
		}
		if there.Size != p.Size || there.Root != p.Root || there.Writer != "Org1MSP" || len(there.Digests) != 2 || len(there.Organisations) != 2 {
			t.Errorf("%+v", there)
		}
	})
	t.Run("it submits the same bytes twice to no effect", func(t *testing.T) {
		if err := chain.Submit(within(t), pending); err != nil {
			t.Error(err)
		}
		if outcome, err := chain.Status(within(t), pending); outcome != anchor.Committed || err != nil {
			t.Errorf("%v, %v", outcome, err)
		}
	})
	for _, tt := range []struct {
		name string
		put  anchor.Put
		want error
	}{
		{"it cannot anchor another root of the size", anchor.Put{Origin: ours, Size: p.Size, Root: tlog.Hash{9}}, anchor.ErrConflict},
		{"it cannot go back", anchor.Put{Origin: ours, Size: p.Size - 5, Root: tlog.Hash{9}}, anchor.ErrBehind},
		{"it cannot anchor another's log", anchor.Put{Origin: "log.example/other", Size: 3, Root: tlog.Hash{9}}, anchor.ErrForeign},
		{"it cannot anchor nonsense", anchor.Put{Origin: ours, Size: -3}, anchor.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := chain.Prepare(within(t), tt.put); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	t.Run("it finds nothing where nothing is anchored", func(t *testing.T) {
		if _, err := chain.Read(within(t), ours, p.Size+1); !errors.Is(err, anchor.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("it does not know a transaction that was never sent", func(t *testing.T) {
		if outcome, err := chain.Status(within(t), anchor.Pending{TxID: "00", Bytes: []byte("x")}); outcome != anchor.Unknown {
			t.Errorf("%v, %v", outcome, err)
		}
	})
	t.Run("it says by name that another write came between", func(t *testing.T) {
		a, err1 := chain.Prepare(within(t), anchor.Put{Origin: ours, Size: p.Size + 10, Root: tlog.Hash{5}})
		b, err2 := chain.Prepare(within(t), anchor.Put{Origin: ours, Size: p.Size + 20, Root: tlog.Hash{6}})
		if err := errors.Join(err1, err2, chain.Submit(within(t), a)); err != nil {
			t.Fatal(err)
		}
		if outcome, err := chain.Status(within(t), a); outcome != anchor.Committed {
			t.Fatal(err)
		}
		if err := chain.Submit(within(t), b); err != nil {
			t.Fatal(err)
		}
		outcome, err := chain.Status(within(t), b)
		var void *anchor.Void
		if outcome != anchor.Invalid || !errors.As(err, &void) || void.Code != "MVCC_READ_CONFLICT" {
			t.Errorf("%v, %v", outcome, err)
		}
	})
}

func eventually(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 150 {
		if err = f(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal(err)
}
