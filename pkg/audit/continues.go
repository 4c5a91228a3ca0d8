package audit

import (
	"context"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Continues checks that one checkpoint is a beginning of a later one, by a
// consistency proof made of the log's tiles. Both were opened by a policy. What
// contradicts carries both signed notes.
func Continues(ctx context.Context, log tlog.Tiles, before, now tlog.Checkpoint) *Finding {
	against := func(c Check, format string, args ...any) *Finding {
		return &Finding{c, fmt.Sprintf(format, args...), []string{string(before.Note), string(now.Note)}}
	}
	switch {
	case now.Size < before.Size:
		return against(RolledBack, "the log has %d entries, it had %d", now.Size, before.Size)
	case now.Size == before.Size && now.Root != before.Root:
		return against(TwoLogs, "two roots for size %d", now.Size)
	case now.Size == before.Size || before.Size == 0:
		return nil
	}
	tiles := &reading{Tiles: log}
	path, err := tlog.ProveConsistency(ctx, tiles, now.Size, now.Root, before.Size)
	switch {
	case tiles.failed != nil:
		return &Finding{Check: Unreadable, Detail: tiles.failed.Error()}
	case err != nil:
		return &Finding{Check: Tile, Detail: fmt.Sprintf("the tiles do not give the signed root: %v", err)}
	}
	if err := tlog.CheckConsistency(path, before.Size, before.Root, now.Size, now.Root); err != nil {
		return against(TwoLogs, "the first %d entries are not those seen before", before.Size)
	}
	return nil
}

// reading remembers that a tile could not be read, which says nothing of what
// is in it.
type reading struct {
	tlog.Tiles
	failed error
}

func (r *reading) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	data, err := r.Tiles.Tile(ctx, t)
	if err != nil && r.failed == nil {
		r.failed = fmt.Errorf("%s: %w", t.Path(), err)
	}
	return data, err
}
