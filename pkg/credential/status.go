package credential

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

const (
	// listSize is the number of statuses of a list: a herd to hide in, and
	// still 16 KiB a bit before compression.
	listSize = 1 << 17
	// ListTTL is how long a verifier may keep a list: the time after which a
	// revocation is seen by everybody.
	ListTTL = 10 * time.Second
	// ListLife is how long a signed list is good for.
	ListLife = 15 * time.Minute
	// maxLists bounds an aggregation.
	maxLists = 4096
)

// Sentinels of lists of the past (draft-ietf-oauth-status-list, 8.4).
var (
	ErrNoHistory = errors.New("status lists of the past are not given out")
	ErrHistory   = errors.New("the status list of that time is not kept")
)

// signedAs is a list in one form.
type signedAs struct{ list, media string }

type signedList struct {
	version int64
	token   []byte
	at      time.Time
}

// ListURI is where a status list is served.
func (i *Issuer) ListURI(list string) string { return i.AggregationURI() + "/" + list }

// AggregationURI is where all of them are listed.
func (i *Issuer) AggregationURI() string { return i.URL + "/status" }

func (i *Issuer) bits() int { return max(1, i.Bits) }

// openList is the list that gives indexes now; full names one that does not
// any more.
func (i *Issuer) openList(ctx context.Context, full string) (List, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.list.ID != "" && i.list.ID != full {
		return i.list, nil
	}
	newest, err := i.Store.NewestList(ctx)
	if err == nil && newest.ID != full && newest.Bits == i.bits() {
		i.list = newest
		return newest, nil
	}
	if err != nil && !errors.Is(err, ErrUnknown) {
		return List{}, err
	}
	list, err := newList(i.bits(), i.Now())
	if err != nil {
		return List{}, err
	}
	leaf, err := i.statement(list)
	if err != nil {
		return List{}, err
	}
	commit := Commit{ID: "list/" + list.ID, Digest: requestDigest(list.ID), Lists: []List{list}, Leaves: [][]byte{leaf}}
	if err := i.Store.Commit(ctx, commit); err != nil {
		return List{}, err
	}
	i.list = list
	return list, nil
}

// freeIndex is a place at random that is no decoy's. Whether it is taken the
// store knows.
func (l List) freeIndex() int {
	for {
		if index := randomIndex(); !l.decoy(index) {
			return index
		}
	}
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

// StatusList is the Status List Token of a list, signed not longer ago than
// ListTTL, and after every change that was acknowledged.
func (i *Issuer) StatusList(ctx context.Context, id string) (string, error) {
	token, err := i.StatusToken(ctx, id, statuslist.MediaType)
	return string(token), err
}

// StatusToken is StatusList in one of the two forms, by its media type.
func (i *Issuer) StatusToken(ctx context.Context, id, media string) ([]byte, error) {
	row, err := i.Store.List(ctx, id)
	if err != nil {
		return nil, err
	}
	now, as := i.Now(), signedAs{id, media}
	i.mu.Lock()
	last := i.signed[as]
	i.mu.Unlock()
	if last.token != nil && last.version == row.Version && now.Sub(last.at).Abs() < ListTTL {
		return last.token, nil
	}
	token, err := i.signList(row, media, now, now.Add(ListLife))
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.signed == nil {
		i.signed = make(map[signedAs]signedList)
	}
	i.signed[as] = signedList{row.Version, token, now}
	return token, nil
}

func (i *Issuer) signList(row List, media string, from, until time.Time) ([]byte, error) {
	list, err := statuslist.FromBytes(row.Bits, row.Data)
	if err != nil {
		return nil, err
	}
	k := i.statusKey()
	key := statuslist.Key{Signer: k.Signer, KeyID: k.KeyID, X5C: k.Chain}
	token := statuslist.Token{URI: i.ListURI(row.ID), IssuedAt: from, Expires: until, TTL: ListTTL, List: list, Aggregation: i.AggregationURI()}
	if media == statuslist.MediaTypeCWT {
		return statuslist.SignCWT(key, token)
	}
	jwt, err := statuslist.Sign(key, token)
	return []byte(jwt), err
}

func (i *Issuer) statusKey() Key {
	if i.StatusKey != nil {
		return i.StatusKey()
	}
	return i.Key()
}

// Aggregation names all lists (draft, 9).
func (i *Issuer) Aggregation(ctx context.Context) (statuslist.Aggregation, error) {
	all := statuslist.Aggregation{StatusLists: []string{}}
	ids, err := i.Store.ListIDs(ctx, maxLists)
	for _, id := range ids {
		all.StatusLists = append(all.StatusLists, i.ListURI(id))
	}
	return all, err
}
