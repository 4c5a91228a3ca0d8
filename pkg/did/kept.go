package did

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	keptLife = 5 * time.Minute
	maxKept  = 256
)

// Kept keeps the documents that a Resolver found, for five minutes: who verifies
// much asks a did:web once, and does not tell it of each use. It may be used
// concurrently.
type Kept struct {
	Resolver *Resolver
	Now      func() time.Time // nil: time.Now

	mu   sync.Mutex
	held map[string]keptDocument
}

type keptDocument struct {
	document    Document
	from, until time.Time
}

// Resolve a DID. What failed is tried again at once.
func (k *Kept) Resolve(ctx context.Context, id string) (Document, error) {
	now := time.Now()
	if k.Now != nil {
		now = k.Now()
	}
	k.mu.Lock()
	held, ok := k.held[id]
	k.mu.Unlock()
	if ok && !now.Before(held.from) && now.Before(held.until) {
		return held.document, nil
	}
	id = strings.Clone(id) // it may be part of a whole credential
	document, err := k.Resolver.Resolve(ctx, id)
	if err != nil {
		return Document{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil || len(k.held) >= maxKept {
		k.held = make(map[string]keptDocument)
	}
	k.held[id] = keptDocument{document, now, now.Add(keptLife)}
	return document, nil
}
