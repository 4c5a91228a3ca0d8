package credential

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/tlog"
)

// MaxBatch bounds the copies of one order.
const MaxBatch = 16

// Issue makes the record, the status index and the leaf durable, and then
// signs. The credential tells the times to the hour, so that they do not
// connect it to anything else.
func (i *Issuer) Issue(ctx context.Context, o Order) (string, Issued, error) {
	o.Holders = []jose.JSONWebKey{o.Holder}
	tokens, issued, err := i.IssueBatch(ctx, o)
	if err != nil {
		return "", Issued{}, err
	}
	return tokens[0], issued[0], nil
}

// IssueBatch issues a copy for each of o.Holders, in their order (OpenID4VCI
// 1.0, 3.3.2): all records, indexes and leaves become durable in one commit,
// and nothing that the copies show connects them, save what every credential of
// this type and hour shows.
func (i *Issuer) IssueBatch(ctx context.Context, o Order) ([]string, []Issued, error) {
	prints, err := thumbprints(o.Holders)
	if err != nil {
		return nil, nil, fmt.Errorf("issue: %w", err)
	}
	now, batch := i.Now(), o.batch()
	all := make([]Issued, len(prints))
	for n := range all {
		all[n] = Issued{ID: copyID(batch, n), Citizen: o.Citizen, VCT: o.VCT, Config: o.Config, Status: Valid, Device: o.Device, Basis: o.Basis,
			IssuedAt: now, Expires: now.Truncate(time.Hour).Add(o.Life), Holder: prints[n]}
	}
	if all, err = i.record(ctx, all, o.Deferral); err != nil {
		return nil, nil, fmt.Errorf("issue: %w", err)
	}
	if o.Deferral != nil && slices.ContainsFunc(all, func(c Issued) bool { return c.Status == Revoked || c.Basis != o.Basis }) {
		return nil, nil, fmt.Errorf("issue: %w", ErrDeferral) // it was issued before, and what it said is over
	}
	tokens, err := i.signAll(all, o)
	return tokens, all, err
}

func (i *Issuer) signAll(all []Issued, o Order) ([]string, error) {
	tokens := make([]string, len(all))
	for n := range all {
		var err error
		if tokens[n], err = i.sign(all[n], o, jose.JSONWebKey{Key: o.Holders[n].Key}); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

func (o Order) batch() string {
	if o.Deferral != nil {
		return o.Deferral.Batch // the same at each try, so that no try issues anew
	}
	return randomID()
}

// thumbprints of distinct public keys (RFC 7638).
func thumbprints(holders []jose.JSONWebKey) ([]string, error) {
	if len(holders) == 0 || len(holders) > MaxBatch {
		return nil, fmt.Errorf("%d keys, at least one and at most %d", len(holders), MaxBatch)
	}
	var prints []string
	for _, h := range holders {
		holder := jose.JSONWebKey{Key: h.Key}
		if !holder.Valid() || !holder.IsPublic() {
			return nil, errors.New("the holder's key is not a public key")
		}
		sum, err := holder.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, err
		}
		print := base64.RawURLEncoding.EncodeToString(sum)
		if slices.Contains(prints, print) {
			return nil, errors.New("two copies for one key")
		}
		prints = append(prints, print)
	}
	return prints, nil
}

// copyID names the copies of a batch: the first as the batch, so that a batch
// of one is as before.
func copyID(batch string, n int) string {
	if n == 0 {
		return batch
	}
	return batch + "." + strconv.Itoa(n)
}

// Batch is what the copies issued together have in common: it is the wallet's
// notification_id, and the id of the first copy.
func (i Issued) Batch() string {
	batch, _, _ := strings.Cut(i.ID, ".")
	return batch
}

// record finds free indexes by trying: at random, so that they tell nothing,
// and unique, which the store sees to. A list on which many tries in a row
// fail is full enough, and a new one is begun.
func (i *Issuer) record(ctx context.Context, all []Issued, d *Deferral) ([]Issued, error) {
	salts := make([][32]byte, len(all))
	for n, issued := range all {
		var err error
		if salts[n], err = i.Salts.Salt(ctx, issued.Citizen, SaltLabel(issued.ID)); err != nil {
			return nil, err
		}
	}
	id := all[0].ID
	commit := Commit{ID: "issue/" + id, Digest: sha256.Sum256([]byte(id)), Deferral: d}
	full, list := "", List{}
	var err error
	for try := range attempts {
		if list, err = i.openList(ctx, full); err != nil {
			return nil, err
		}
		commit.Issue, commit.Leaves = nil, nil
		for n, issued := range all {
			issued.List, issued.Index = list.ID, list.freeIndex()
			commit.Issue = append(commit.Issue, issued)
			commit.Leaves = append(commit.Leaves, tlog.Commitment(LeafDomain, salts[n], issued.Digest()))
		}
		if err = i.Store.Commit(ctx, commit); err == nil {
			if try == 0 && d == nil { // nobody else knows this ID
				return commit.Issue, nil
			}
			return i.recorded(ctx, all) // an earlier try of this ID may be the durable one
		}
		if errors.Is(err, ErrConflict) && try >= attempts/2 {
			full = list.ID
		}
		if errors.Is(err, ErrDeferral) || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (i *Issuer) recorded(ctx context.Context, all []Issued) ([]Issued, error) {
	kept := make([]Issued, len(all))
	for n := range all {
		var err error
		if kept[n], err = i.Store.Credential(ctx, all[n].ID); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// Copies of a batch of a citizen, the first one first; ErrUnknown when there
// are none, also for a batch of somebody else.
func (i *Issuer) Copies(ctx context.Context, citizen, batch string) ([]Issued, error) {
	var all []Issued
	for n := range MaxBatch {
		c, err := i.Store.Credential(ctx, copyID(batch, n))
		switch {
		case errors.Is(err, ErrUnknown) && n > 0:
			return all, nil
		case err != nil:
			return nil, err
		case c.Citizen != citizen || c.Batch() != batch: // the name of a copy is no batch's
			return nil, ErrUnknown
		}
		all = append(all, c)
	}
	return all, nil
}

// RevokeBatch revokes every copy. When it fails it has revoked some; it can be
// called again.
func (i *Issuer) RevokeBatch(ctx context.Context, citizen, batch string) error {
	copies, err := i.Copies(ctx, citizen, batch)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if err := i.Revoke(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// Notified keeps what a wallet said about the credentials of one response to a
// citizen (OpenID4VCI 1.0, 11); ErrUnknown also for those of somebody else. One
// word counts for all copies, and the same word twice is no error.
func (i *Issuer) Notified(ctx context.Context, citizen, id, event string) error {
	copies, err := i.Copies(ctx, citizen, id)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if c.Acceptance == event {
			continue
		}
		if err := i.Store.SetAcceptance(ctx, c.ID, event); err != nil {
			return err
		}
	}
	return nil
}
