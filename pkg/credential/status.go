package credential

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

const (
	// listSize is the number of statuses of a list: a herd to hide in, and
	// still 16 KiB before compression.
	listSize = 1 << 17
	listBits = 1
	// ListTTL is how long a verifier may keep a list: the time after which a
	// revocation is seen by everybody.
	ListTTL = 10 * time.Second
	// ListLife is how long a signed list is good for.
	ListLife = 15 * time.Minute
)

type signedList struct {
	version int64
	token   string
	at      time.Time
}

// ListURI is where a status list is served.
func (i *Issuer) ListURI(list string) string { return i.URL + "/status/" + list }

// openList is the list that gives indexes now; full names one that does not
// any more.
func (i *Issuer) openList(ctx context.Context, full string) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.list != "" && i.list != full {
		return i.list, nil
	}
	newest, err := i.Store.NewestList(ctx)
	if err == nil && newest.ID != full {
		i.list = newest.ID
		return i.list, nil
	}
	if err != nil && !errors.Is(err, ErrUnknown) {
		return "", err
	}
	list := List{ID: randomID(), Created: i.Now(), Bits: listBits, Data: make([]byte, listSize*listBits/8)}
	leaf, err := i.statement(list)
	if err != nil {
		return "", err
	}
	commit := Commit{ID: "list/" + list.ID, Digest: requestDigest(list.ID), Lists: []List{list}, Leaves: [][]byte{leaf}}
	if err := i.Store.Commit(ctx, commit); err != nil {
		return "", err
	}
	i.list = list.ID
	return i.list, nil
}

// statement is the public entry of the log on a list's content, and the version
// it will have: two entries of one moment may stand in the log in any order.
func (i *Issuer) statement(list List) ([]byte, error) {
	sum := sha256.Sum256(list.Data)
	return tlog.Statement(StatementStatusList, map[string]any{
		"uri": i.ListURI(list.ID), "sha256": base64.RawURLEncoding.EncodeToString(sum[:]),
		"version": list.Version + 1, "iat": i.Now().Unix(),
	})
}

// Revoke one credential, for good. Revoking twice is no error.
func (i *Issuer) Revoke(ctx context.Context, id string) error {
	var err error
	for range attempts {
		if err = i.revoke(ctx, id); err == nil || errors.Is(err, ErrUnknown) {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("revoke: %w", err)
}

func (i *Issuer) revoke(ctx context.Context, id string) error {
	issued, err := i.Store.Credential(ctx, id)
	if err != nil || issued.Status == Revoked {
		return err
	}
	row, err := i.Store.List(ctx, issued.List)
	if err != nil {
		return err
	}
	list, err := statuslist.FromBytes(row.Bits, row.Data)
	if err != nil {
		return err
	}
	if err := list.Set(issued.Index, statuslist.Invalid); err != nil {
		return err
	}
	row.Data = list.Bytes()
	salt, err := i.Salts.Salt(ctx, issued.Citizen, SaltLabel(id))
	if err != nil {
		return err
	}
	statement, err := i.statement(row)
	if err != nil {
		return err
	}
	at := i.Now()
	return i.Store.Commit(ctx, Commit{
		ID: "revoke/" + id, Digest: requestDigest(id), Revoke: []Revocation{{id, at}}, Lists: []List{row},
		Leaves: [][]byte{tlog.Commitment(LeafDomain, salt, RevocationDigest(id, at)), statement},
	})
}

// RevokeAll credentials of a citizen that are not revoked yet. When it fails
// it has revoked some; it can be called again.
func (i *Issuer) RevokeAll(ctx context.Context, citizen string) error {
	all, err := i.Store.CredentialsOf(ctx, citizen)
	if err != nil {
		return fmt.Errorf("revoke all: %w", err)
	}
	for _, c := range all {
		if c.Status == Revoked {
			continue
		}
		if err := i.Revoke(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// StatusList is the Status List Token of a list, signed not longer ago than
// ListTTL, and after every revocation that was acknowledged.
func (i *Issuer) StatusList(ctx context.Context, id string) (string, error) {
	row, err := i.Store.List(ctx, id)
	if err != nil {
		return "", err
	}
	now := i.Now()
	i.mu.Lock()
	last := i.signed[id]
	i.mu.Unlock()
	if last.token != "" && last.version == row.Version && now.Sub(last.at).Abs() < ListTTL {
		return last.token, nil
	}
	list, err := statuslist.FromBytes(row.Bits, row.Data)
	if err != nil {
		return "", err
	}
	key := i.statusKey()
	token, err := statuslist.Sign(statuslist.Key{Signer: key.Signer, KeyID: key.KeyID, X5C: key.Chain},
		statuslist.Token{URI: i.ListURI(id), IssuedAt: now, Expires: now.Add(ListLife), TTL: ListTTL, List: list})
	if err != nil {
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.signed == nil {
		i.signed = make(map[string]signedList)
	}
	i.signed[id] = signedList{row.Version, token, now}
	return token, nil
}

func (i *Issuer) statusKey() Key {
	if i.StatusKey != nil {
		return i.StatusKey()
	}
	return i.Key()
}
