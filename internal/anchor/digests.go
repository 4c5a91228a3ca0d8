package anchor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/govmydata/mydata/pkg/tlog"
)

// riding are the kinds of statements whose digests go onto the ledger.
var riding = []string{"catalogue", "did", "issuer-key", "status-list"}

// maxWaiting is how many digests may wait: the outbox holds them all, and is read back
// whole. What comes after them is read when they have ridden.
const maxWaiting = 2048

// subject is what a statement is about: its kind and its id there.
type subject struct{ kind, id string }

// said is the newest statement about a subject.
type said struct {
	version, index int64
	digest         tlog.Hash
}

// reading is the way through the entries that no transaction has covered yet.
// It goes on where it stopped, so that a ledger that is out of reach for long
// does not make every attempt read them all again.
type reading struct {
	from   int64 // where it began
	edge   *tlog.Edge
	newest map[subject]said
}

// read reads the log's entries up to a checkpoint, or until as many subjects wait as
// may, checked against its root.
func (r *reading) read(ctx context.Context, tiles tlog.Tiles, c tlog.Checkpoint, waiting []Digest) error {
	waits := map[subject]bool{}
	for _, d := range waiting {
		waits[subject{d.Kind, d.ID}] = true
	}
	for s := range r.newest {
		waits[s] = true
	}
	for full := false; r.edge.Size() < c.Size && !full; {
		var err error
		if full, err = r.bundle(ctx, tiles, c.Size, waits); err != nil {
			return err
		}
	}
	var path []tlog.Hash
	if r.edge.Size() < c.Size {
		var err error
		if path, err = tlog.ProveConsistency(ctx, tiles, c.Size, c.Root, r.edge.Size()); err != nil {
			return fmt.Errorf("%w: %w", ErrLog, err)
		}
	}
	if err := tlog.CheckConsistency(path, r.edge.Size(), r.edge.Root(), c.Size, c.Root); err != nil {
		return fmt.Errorf("%w: the entries do not give the root of its checkpoint of size %d: %w", ErrLog, c.Size, err)
	}
	return nil
}

func newReading(ctx context.Context, tiles tlog.Tiles, from int64) (*reading, error) {
	edge, err := tlog.NewEdge(ctx, tiles, from)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLog, err)
	}
	return &reading{from: from, edge: edge, newest: map[subject]said{}}, nil
}

// bundle reads one entry bundle from where the edge is; full: an entry has to wait.
func (r *reading) bundle(ctx context.Context, tiles tlog.Tiles, size int64, waits map[subject]bool) (full bool, err error) {
	at := r.edge.Size()
	t := tlog.Tile{Level: tlog.Entries, Index: at / tlog.TileWidth}
	t.Width = int(min(tlog.TileWidth, size-t.Index*tlog.TileWidth))
	data, err := tiles.Tile(ctx, t)
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrLog, t.Path(), err)
	}
	entries, err := tlog.ParseBundle(data, t.Width)
	if err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrLog, t.Path(), err)
	}
	for _, entry := range entries[at%tlog.TileWidth:] {
		if !r.hear(entry, waits) {
			return true, nil
		}
		r.edge.Append(tlog.LeafHash(entry), nil)
	}
	return false, nil
}

// hear keeps a statement that rides, unless a newer one is known: two of one
// moment may stand in the log in any order, and then carry versions. false: as many
// subjects wait as may, and this is one more.
func (r *reading) hear(entry []byte, waits map[subject]bool) bool {
	kind, body, err := tlog.ParseStatement(entry)
	if err != nil || !slices.Contains(riding, kind) {
		return true
	}
	var about struct {
		ID, URI, KID, DID string
		Version           int64
	}
	_ = json.Unmarshal(body, &about) // a body of another form is named by its kind alone
	s := subject{kind, name(cmp.Or(about.ID, about.URI, about.KID, about.DID, kind))}
	if !waits[s] && len(waits) >= maxWaiting {
		return false
	}
	waits[s] = true
	if before, known := r.newest[s]; !known || before.version <= about.Version {
		r.newest[s] = said{about.Version, r.edge.Size(), sha256.Sum256(entry)}
	}
	return true
}

// name is an id as the chaincode takes it: printable ASCII, 512 at most;
// anything else by its digest.
func name(id string) string {
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e || len(id) > 512 {
			sum := sha256.Sum256([]byte(id))
			return "sha-256:" + base64.RawURLEncoding.EncodeToString(sum[:])
		}
	}
	return id
}

// load is what rides in the next transaction, sorted, and what has to wait:
// what waited longest goes first, a newer statement in the place of an older.
func (r *reading) load(waiting []Digest) (ride, wait []Digest) {
	all := slices.Clone(waiting)
	place := map[subject]int{}
	for i, d := range all {
		place[subject{d.Kind, d.ID}] = i
	}
	var fresh []subject
	for s, what := range r.newest {
		if i, ok := place[s]; ok {
			all[i].Digest = what.digest
			continue
		}
		fresh = append(fresh, s)
	}
	slices.SortFunc(fresh, func(a, b subject) int { return cmp.Compare(r.newest[a].index, r.newest[b].index) })
	for _, s := range fresh {
		all = append(all, Digest{Kind: s.kind, ID: s.id, Digest: r.newest[s].digest})
	}
	n := min(len(all), MaxDigests)
	return sorted(all[:n]), slices.Clone(all[n:])
}

func sorted(digests []Digest) []Digest {
	out := slices.Clone(digests)
	slices.SortFunc(out, func(a, b Digest) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return out
}

// requeue puts digests that did not get their ride before those that wait, of
// which newer ones about the same subject win.
func requeue(ride, waiting []Digest) []Digest {
	newer := map[subject]bool{}
	for _, d := range waiting {
		newer[subject{d.Kind, d.ID}] = true
	}
	var out []Digest
	for _, d := range ride {
		if !newer[subject{d.Kind, d.ID}] {
			out = append(out, d)
		}
	}
	return append(out, waiting...)
}
