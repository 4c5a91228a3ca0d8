package did

import (
	"context"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
)

const keptLife = 5 * time.Minute

// Kept keeps the documents that a Resolver found, for five minutes, and a failure for
// a second: who verifies much asks a did:web once, and does not tell it of each use.
// It may be used concurrently.
type Kept struct {
	Resolver *Resolver
	Now      func() time.Time // nil: time.Now

	once sync.Once
	held fetch.Kept[Document]
}

// Resolve a DID.
func (k *Kept) Resolve(ctx context.Context, id string) (Document, error) {
	k.once.Do(func() { k.held.Now = k.Now })
	return k.held.Get(ctx, id, func(ctx context.Context, id string) (Document, time.Duration, error) {
		document, err := k.Resolver.Resolve(ctx, id)
		return document, keptLife, err
	})
}
