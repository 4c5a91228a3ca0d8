package consenttest

import (
	"context"
	"errors"

	"github.com/govmydata/mydata/pkg/tlog"
)

// ProofOfLeaf answers a leaf's place for who knows its hash alone.
func (l *Log) ProofOfLeaf(ctx context.Context, leaf tlog.Hash) (tlog.Proof, error) {
	l.mu.Lock()
	entries := l.entries
	l.mu.Unlock()
	for _, entry := range entries {
		if tlog.LeafHash(entry) == leaf {
			return l.WaitProof(ctx, entry)
		}
	}
	return tlog.Proof{}, errors.New("the leaf is not in the log")
}

// Fork is a second log of the same key that tells another story and that no
// witness has seen.
func (l *Log) Fork() *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Log{Silent: true, signer: l.signer, witnesses: l.witnesses, policy: l.policy,
		entries: append([][]byte{[]byte("another beginning")}, l.entries...)}
}
