package main

import (
	"context"
	"io/fs"
	"maps"
	"os"

	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
)

// pageTrust is the trust folder that the receipt page comes with: exportTrust's, and what the hub trusts of a Fabric channel with it,
// where that is no larger than a page takes.
func (e *engines) pageTrust(ctx context.Context) (map[string][]byte, error) {
	files, err := e.exportTrust(ctx)
	if err != nil || e.config.FabricTrust == "" {
		return files, err
	}
	all, size := maps.Clone(files), 0
	folder := os.DirFS(e.config.FabricTrust)
	err = fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && size <= reading.MaxTrust {
			all["fabric/"+name], err = fs.ReadFile(folder, name)
			size += len(all["fabric/"+name])
		}
		return err
	})
	if err != nil || size > reading.MaxTrust/2 || len(all) > reading.MaxFiles {
		e.log.WarnContext(ctx, "receipt page: anchors are listed there, not checked", "fabric_trust", e.config.FabricTrust, "bytes", size, "err", err)
		return files, nil
	}
	return all, nil
}
