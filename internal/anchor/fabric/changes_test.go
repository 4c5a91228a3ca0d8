package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/anchor/anchortest"
	"github.com/govmydata/mydata/pkg/tlog"
)

// TestChanges has the network change under a running anchorer: of three orderers
// one, two, and all fall, the chaincode is upgraded, the channel's configuration
// changes. Each checkpoint is anchored once, and its proof is here.
func TestChanges(t *testing.T) {
	net, err := stage.StartFabric(t.Context(), filepath.Join(t.TempDir(), "net"), ours, "--orderers", "3")
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
	orderers := func(names ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			var all []error
			for _, name := range names {
				all = append(all, net.Kill(name))
			}
			time.Sleep(700 * time.Millisecond)
			for _, name := range names {
				all = append(all, net.Start(ctx, name))
			}
			return errors.Join(all...)
		}
	}
	command := func(args ...string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := net.Do(ctx, args[0], args[1:]...); return err }
	}
	w.others = map[string]func(context.Context) error{
		"one orderer of three":         orderers("orderer2"),
		"two orderers of three":        orderers("orderer1", "orderer3"),
		"all orderers":                 orderers("orderer1", "orderer2", "orderer3"),
		"the chaincode, for its next":  command("upgrade"),
		"the size of a block, changed": command("batch", "--count", "2"),
	}
	for _, test := range []struct {
		what string
		step anchor.Step
	}{
		{"one orderer of three", anchor.Prepared}, {"two orderers of three", anchor.Prepared}, {"two orderers of three", anchor.Submitted},
		{"all orderers", anchor.Submitted}, {"the chaincode, for its next", anchor.Chosen}, {"the chaincode, for its next", anchor.Prepared},
		{"the size of a block, changed", anchor.Prepared},
	} {
		t.Run(fmt.Sprintf("it goes on when %s fell after %s", test.what, test.step), func(t *testing.T) {
			w.T = t
			w.anchors(test.what, test.step)
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	w.T = t
	w.whole()
}
