package sdktest

import (
	"context"
	"errors"
	"sync"

	"github.com/govmydata/mydata/sdk"
)

// ErrBroken is what a broken write answers.
var ErrBroken = errors.New("sdktest: the write was broken")

// Breaker is a journal one of whose writes is broken.
type Breaker struct {
	sdk.Journal
	mu     sync.Mutex
	left   int
	kept   bool
	broken bool
}

// BreakWrite breaks the n-th write to a journal, from 1: it is lost, or kept but
// called lost. All others are whole.
func BreakWrite(j sdk.Journal, n int, kept bool) *Breaker {
	return &Breaker{Journal: j, left: n, kept: kept}
}

// Broken says whether that write has happened.
func (b *Breaker) Broken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

func (b *Breaker) write(do func() error) error {
	b.mu.Lock()
	b.left--
	now := b.left == 0
	b.broken = b.broken || now
	b.mu.Unlock()
	if !now {
		return do()
	}
	if b.kept {
		_ = do() // whatever it says, the caller hears that it is broken
	}
	return ErrBroken
}

// Create implements sdk.Journal.
func (b *Breaker) Create(ctx context.Context, e sdk.Entry) error {
	return b.write(func() error { return b.Journal.Create(ctx, e) })
}

// Put implements sdk.Journal.
func (b *Breaker) Put(ctx context.Context, e sdk.Entry) error {
	return b.write(func() error { return b.Journal.Put(ctx, e) })
}

// Delete implements sdk.Journal.
func (b *Breaker) Delete(ctx context.Context, kind, key string) error {
	return b.write(func() error { return b.Journal.Delete(ctx, kind, key) })
}
