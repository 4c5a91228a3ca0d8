package anchor_test

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

var errFault = errors.New("the connection broke")

// fault breaks the n-th call of something: not done, or done although it says
// that it was not.
type fault struct {
	call string
	at   int
	kept bool
	hits int
	done bool
}

func (f *fault) broken(call string, do func() error) error {
	if f == nil || f.call != call {
		return do()
	}
	if f.hits++; f.hits != f.at {
		return do()
	}
	f.done = true
	if f.kept {
		if err := do(); err != nil {
			return err
		}
	}
	return errFault
}

// ledger is an honest chain in memory: write-once, growing, and as forgetful
// with what is submitted as the contract allows.
type ledger struct {
	*fault
	mu      sync.Mutex
	anchors map[int64]anchor.Put
	digests map[string]anchor.Digest // the newest
	latest  int64
	blocks  []tx
	txs     map[string]anchor.Outcome
	lose    int   // so many submits are accepted and lost
	silent  int   // so many statuses are unknown
	down    error // all calls answer it
	foreign bool
	log     ed25519.PublicKey // that has to sign; nil: nobody asks
}

type tx struct {
	ID     string     `json:"id"`
	Put    anchor.Put `json:"put"`
	Latest int64      `json:"latest"` // that it was endorsed on
}

func newLedger() *ledger {
	return &ledger{anchors: map[int64]anchor.Put{}, digests: map[string]anchor.Digest{}, txs: map[string]anchor.Outcome{}}
}

// same compares the contents of two anchors.
func same(a, b anchor.Put) bool {
	return a.Origin == b.Origin && a.Size == b.Size && a.Root == b.Root && slices.Equal(a.Digests, b.Digests)
}

func (l *ledger) Prepare(_ context.Context, p anchor.Put) (pending anchor.Pending, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.broken("prepare", func() error {
		before, known := l.anchors[p.Size]
		switch {
		case l.down != nil:
			return l.down
		case l.foreign:
			return &anchor.Failure{Is: anchor.ErrForeign, Check: "operator", Cause: "unknown key", Mender: "organisations"}
		case !slices.IsSortedFunc(p.Digests, func(a, b anchor.Digest) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) }):
			return anchor.ErrInvalid
		case l.log != nil && !slices.ContainsFunc(p.Signatures, func(s []byte) bool {
			return ed25519.Verify(l.log, fmt.Appendf(nil, "%s\n%d\n%s\n", p.Origin, p.Size, p.Root), s)
		}):
			return &anchor.Failure{Is: anchor.ErrInvalid, Check: "endorsement", Cause: "UNSIGNED", Mender: "organisations"}
		case known && !same(before, p):
			return anchor.ErrConflict
		case !known && p.Size < l.latest:
			return anchor.ErrBehind
		}
		id := make([]byte, 8)
		_, _ = rand.Read(id)
		t := tx{hex.EncodeToString(id), p, l.latest}
		bytes, err := json.Marshal(t)
		pending = anchor.Pending{TxID: t.ID, Bytes: bytes}
		return err
	})
	return pending, err
}

func (l *ledger) Submit(_ context.Context, p anchor.Pending) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken("submit", func() error {
		if l.down != nil {
			return l.down
		}
		if l.lose > 0 {
			l.lose--
			return nil
		}
		return l.block(p)
	})
}

// block validates as a peer does: a transaction id counts once, and nothing may
// have changed since the endorsement.
func (l *ledger) block(p anchor.Pending) error {
	var t tx
	if err := json.Unmarshal(p.Bytes, &t); err != nil {
		return err
	}
	if _, known := l.txs[t.ID]; known {
		return nil // DUPLICATE_TXID: the first outcome stays
	}
	l.blocks = append(l.blocks, t)
	if _, known := l.anchors[t.Put.Size]; t.Latest != l.latest || known {
		l.txs[t.ID] = anchor.Invalid
		return nil
	}
	l.txs[t.ID], l.anchors[t.Put.Size], l.latest = anchor.Committed, t.Put, t.Put.Size
	for _, d := range t.Put.Digests {
		l.digests[d.Kind+" "+d.ID] = d
	}
	return nil
}

func (l *ledger) Status(_ context.Context, p anchor.Pending) (outcome anchor.Outcome, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.broken("status", func() error {
		if l.down != nil {
			return l.down
		}
		if l.silent > 0 {
			l.silent--
			return nil
		}
		if outcome = l.txs[p.TxID]; outcome == anchor.Invalid {
			return &anchor.Void{Code: "MVCC_READ_CONFLICT"}
		}
		return nil
	})
	return outcome, err
}

func (l *ledger) Read(_ context.Context, origin string, size int64) (p endorsement.Proof, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.broken("read", func() error {
		if l.down != nil {
			return l.down
		}
		a, known := l.anchors[size]
		if !known || a.Origin != origin {
			return anchor.ErrNotFound
		}
		text, err := json.Marshal(a)
		p.Reads = []endorsement.Read{{Proposal: []byte("p"), Response: text, Endorser: []byte("e"), Signature: []byte("s")}}
		return err
	})
	return p, err
}

func (l *ledger) Latest(context.Context, string) (size int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.broken("latest", func() error {
		size = l.latest
		return l.down
	})
	return size, err
}

// Verify believes what Read gave.
func (l *ledger) Verify(p endorsement.Proof) (endorsement.Anchored, error) {
	var a anchor.Put
	if len(p.Reads) != 1 || json.Unmarshal(p.Reads[0].Response, &a) != nil {
		return endorsement.Anchored{}, errors.New("no proof")
	}
	return endorsement.Anchored{Origin: a.Origin, Size: a.Size, Root: a.Root, Digests: a.Digests}, nil
}

// invalidate has somebody else write between endorsement and block.
func (l *ledger) invalidate(t *testing.T, p anchor.Put) {
	t.Helper()
	pending, err := l.Prepare(t.Context(), p)
	if err == nil {
		err = l.Submit(t.Context(), pending)
	}
	if err != nil {
		t.Fatal(err)
	}
}
