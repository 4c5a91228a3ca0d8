package credential

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// Decoys are places of a list that no credential ever gets: one in sixteen,
// known to whoever has the list's secret. Some of them are revoked from the
// beginning, more whenever something else is and now and then by themselves, so
// that neither what is set in a list nor how often it changes tells how many
// credentials were revoked (draft-ietf-oauth-status-list, 12.4, 12.5.1). All
// other places begin as valid: how many were given out shows nowhere (13.3).

const decoySecret = 32

// decoy tells whether a place is one.
func (l List) decoy(index int) bool {
	if len(l.Decoys) == 0 {
		return false
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("mydata/decoy/v1\x00"), l.Decoys...), uint64(index))) //nolint:gosec // G115: an index is no negative
	return sum[0] < 1<<8/16
}

// newList has the decoys with which it begins: between a sixteenth and a half of
// them are set.
func newList(bits int, now time.Time) (List, error) {
	list := List{ID: randomID(), Created: now, Bits: bits, Data: make([]byte, listSize*bits/8), Decoys: make([]byte, decoySecret)}
	rand.Read(list.Decoys) // it never fails
	statuses, err := statuslist.FromBytes(bits, list.Data)
	if err != nil {
		return List{}, err
	}
	share := 16 + below(128-16) // of 256
	for index := range listSize {
		if !list.decoy(index) || below(256) >= share {
			continue
		}
		if err := statuses.Set(index, unlike(bits, statuslist.Valid)); err != nil {
			return List{}, err
		}
	}
	return list, nil
}

// unlike is another status for a decoy; one that is revoked stays so.
func unlike(bits int, was statuslist.Status) statuslist.Status {
	switch {
	case bits == 1 || was == statuslist.Invalid:
		return statuslist.Invalid
	case was == statuslist.Suspended && below(2) == 0:
		return statuslist.Valid
	case was == statuslist.Valid && below(8) == 0:
		return statuslist.Suspended
	}
	return statuslist.Invalid
}

// disturb changes some decoys, at least and at most two more.
func (l List) disturb(list *statuslist.List, at time.Time, least int) ([]Change, error) {
	if len(l.Decoys) == 0 {
		return nil, nil
	}
	var changes []Change
	touched := map[int]bool{}
	for want := least + int(below(3)); len(changes) < want; {
		index, ok := l.findDecoy(list, touched)
		if !ok { // all are revoked
			return changes, nil
		}
		touched[index] = true
		was, err := list.Get(index)
		if err != nil {
			return nil, err
		}
		became := unlike(l.Bits, was)
		if err := list.Set(index, became); err != nil {
			return nil, err
		}
		changes = append(changes, Change{List: l.ID, Index: index, Version: l.Version + 1, Was: was, Became: became, At: at})
	}
	return changes, nil
}

// findDecoy that can still change, by trying.
func (l List) findDecoy(list *statuslist.List, but map[int]bool) (int, bool) {
	for range 4096 {
		index := randomIndex()
		if !l.decoy(index) || but[index] {
			continue
		}
		if was, err := list.Get(index); err == nil && was != statuslist.Invalid {
			return index, true
		}
	}
	return 0, false
}

// Disturb changes the newest list at a decoy alone, one time in six, so that the
// number of a list's changes says nothing either. It is called now and then.
func (i *Issuer) Disturb(ctx context.Context) error {
	if below(6) != 0 {
		return nil
	}
	return i.disturb(ctx)
}

func (i *Issuer) disturb(ctx context.Context) error {
	newest, err := i.openList(ctx, "")
	if err != nil {
		return err
	}
	row, list, err := i.open(ctx, newest.ID)
	if err != nil {
		return err
	}
	changes, err := row.disturb(list, i.Now(), 1)
	if err != nil || len(changes) == 0 {
		return err
	}
	statement, err := i.statement(row)
	if err != nil {
		return err
	}
	name := "decoy/" + randomID()
	return i.Store.Commit(ctx, Commit{ID: name, Digest: requestDigest(name), Lists: []List{row}, Changes: changes, Leaves: [][]byte{statement}})
}

func below(n int64) int64 {
	got, _ := rand.Int(rand.Reader, big.NewInt(n)) // it never fails
	return got.Int64()
}
