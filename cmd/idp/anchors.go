package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// buildAnchors opens the book of anchors, when the hub knows whose word counts.
// Nothing here talks to Fabric: proofs are brought, and read offline.
func (e *engines) buildAnchors() error {
	if e.config.FabricTrust == "" {
		return nil
	}
	trust, err := endorsement.LoadTrust(os.DirFS(e.config.FabricTrust))
	if err != nil {
		return fmt.Errorf("fabric-trust %s: %w", e.config.FabricTrust, err)
	}
	rows := e.db.Anchors()
	e.anchors = &anchor.Book{Origin: e.ring.LogKeys()[0].Key.Name, Trust: trust, Rows: rows, Log: rows, Now: time.Now, Logger: e.log}
	e.receipts.Proofs, e.receipts.Anchors = anchored{e.sequence}, e.anchors
	if e.eyes.Metrics != nil {
		e.eyes.Metrics.Anchors(func() (metrics.AnchorLag, error) {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			lag, err := e.anchors.Lag(ctx)
			return metrics.AnchorLag(lag), err
		})
	}
	return nil
}

// anchored proves an entry in the newest checkpoint that is anchored, so that a
// receipt can carry the anchor; an entry beyond it in the newest published one.
type anchored struct{ log *sequencer.Log }

// WaitProof implements receipt.Proofs.
func (a anchored) WaitProof(ctx context.Context, entry []byte) (tlog.Proof, error) {
	proof, _, err := a.log.AnchoredProof(ctx, entry)
	if errors.Is(err, sequencer.ErrPending) {
		return a.log.WaitProof(ctx, entry)
	}
	return proof, err
}

// lateAnchors says since when a checkpoint waits for its anchor; "" when none
// waits too long.
func (e *engines) lateAnchors() string {
	if e.anchors == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	lag, err := e.anchors.Lag(ctx)
	if err != nil || lag.Since.IsZero() || time.Since(lag.Since) < e.config.AnchorAge {
		return "" // an outage of the database is named elsewhere
	}
	return fmt.Sprintf("anchors, since %s: size %d is anchored", lag.Since.UTC().Format(time.RFC3339), lag.Size)
}
