package credential_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/credential"
)

// crowded has no room in any list, and keeps what was asked of it.
type crowded struct {
	*store.Credentials
	mu     sync.Mutex
	decoys map[string][]byte // the lists' secrets
	asked  []credential.Issued
}

func (c *crowded) Commit(ctx context.Context, commit credential.Commit) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range commit.Lists {
		c.decoys[list.ID] = list.Decoys
	}
	if c.asked = append(c.asked, commit.Issue...); len(commit.Issue) > 0 {
		return credential.ErrConflict
	}
	return c.Credentials.Commit(ctx, commit)
}

// While others go on to a new list, nobody who is still at the old one takes the
// place of a decoy there: it may be revoked at any time.
func TestNoDecoysPlaceAmongMany(t *testing.T) {
	o := newOffice(t)
	rows := &crowded{Credentials: o.rows, decoys: map[string][]byte{}}
	issuer, _, order := o.issuer(t, rows)
	order.Holders = holders(t, o, credential.MaxBatch)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, _, err := issuer.IssueBatch(t.Context(), order); !errors.Is(err, credential.ErrConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	taken := 0
	for _, c := range rows.asked {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("mydata/decoy/v1\x00"), rows.decoys[c.List]...), uint64(c.Index)))
		if sum[0] < 16 {
			taken++
		}
	}
	if len(rows.decoys) < 2 || taken > 0 {
		t.Errorf("%d of %d places of %d lists are decoys'", taken, len(rows.asked), len(rows.decoys))
	}
}
