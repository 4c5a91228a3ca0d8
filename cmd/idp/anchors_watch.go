package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/govmydata/mydata/internal/monitor"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// handedAnchors are the anchors that a log's hub hands on, verified by a
// ledger's trust folder.
func handedAnchors(log, fabric string) (monitor.Anchors, error) {
	verify, err := monitor.Endorsed(os.DirFS(fabric))
	if err != nil {
		return nil, err
	}
	return monitor.NewHanded(log, verify)
}

// auditAnchors are proofs in a folder, or the newest that a hub hands on.
func auditAnchors(from, fabric string) (audit.Anchors, error) {
	verify, err := monitor.Endorsed(os.DirFS(fabric))
	if err != nil {
		return nil, err
	}
	if strings.Contains(from, "://") {
		hub, err := monitor.NewHanded(from, verify)
		return latestAnchor{hub}, err
	}
	if info, err := os.Stat(from); err != nil || !info.IsDir() {
		return nil, errors.Join(errors.New("audit: --fabric needs --log URL, or --anchors with a hub's address or a folder of proofs"), err)
	}
	return anchorFiles{os.DirFS(from), verify}, nil
}

type latestAnchor struct{ monitor.Handed }

// Each implements audit.Anchors.
func (l latestAnchor) Each(ctx context.Context, each func(string, audit.Anchored, error)) error {
	a, err := l.Latest(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the hub hands on none")
	case err != nil && !errors.Is(err, monitor.ErrUnproven):
		return err
	}
	each("the hub's newest", a, err)
	return nil
}

type anchorFiles struct {
	files  fs.FS
	verify func([]byte) (monitor.Anchor, error)
}

// Each implements audit.Anchors.
func (f anchorFiles) Each(_ context.Context, each func(string, audit.Anchored, error)) error {
	names, err := fs.Glob(f.files, "*.json")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("no file of the folder ends in .json")
	}
	for _, name := range names {
		info, err := fs.Stat(f.files, name)
		if err != nil {
			return err
		}
		if info.Size() > endorsement.MaxProof {
			each(name, audit.Anchored{}, fmt.Errorf("longer than %d bytes", endorsement.MaxProof))
			continue
		}
		proof, err := fs.ReadFile(f.files, name)
		if err != nil {
			return err
		}
		a, err := f.verify(proof)
		each(name, a, err)
	}
	return nil
}
