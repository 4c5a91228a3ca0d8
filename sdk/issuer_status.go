package sdk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

const (
	// statusSize is the statuses of one list: a herd to hide in.
	statusSize = 1 << 17
	// statusTries is how many places are tried in a list before the next begins.
	statusTries = 24
	maxLists    = 1 << 12
	statusLife  = 15 * time.Minute
	// statusBits are those of a new list: two can say "suspended" too.
	statusBits = 2
)

// listRow is a status list: kind "list", key its number. Those of before are a time
// alone, and of one bit.
type listRow struct {
	Bits int       `json:"bits"`
	At   time.Time `json:"at"`
}

func readList(e Entry) (listRow, error) {
	l := listRow{Bits: 1}
	if !bytes.HasPrefix(e.Value, []byte("{")) {
		return l, nil
	}
	return l, json.Unmarshal(e.Value, &l)
}

func (i *Issuer) listURI(list int) string { return i.config.URL + "/status/" + strconv.Itoa(list) }

func placeKey(list int, index int64) string { return fmt.Sprintf("%d/%d", list, index) }

// place takes a random free place of a status list, for good: kind "place". A
// list that has become full, or is one of before, is followed by another.
func (i *Issuer) place(ctx context.Context, document string) (int, int64, error) {
	lists, err := i.config.Journal.List(ctx, "list")
	if err != nil {
		return 0, 0, err
	}
	list := max(len(lists), 1)
	if n := len(lists); n > 0 {
		if last, err := readList(lists[n-1]); err != nil {
			return 0, 0, err
		} else if last.Bits < statusBits {
			list++
		}
	}
	for ; list < maxLists; list++ {
		e, err := entry("list", strconv.Itoa(list), listRow{Bits: statusBits, At: i.config.Now()}, time.Time{})
		if err != nil {
			return 0, 0, err
		}
		if err := i.config.Journal.Create(ctx, e); err != nil && !errors.Is(err, ErrExists) {
			return 0, 0, err
		}
		for range statusTries {
			index, err := rand.Int(rand.Reader, big.NewInt(statusSize))
			if err != nil {
				return 0, 0, err
			}
			e, err := entry("place", placeKey(list, index.Int64()), document, time.Time{})
			if err != nil {
				return 0, 0, err
			}
			if err = i.config.Journal.Create(ctx, e); err == nil {
				return list, index.Int64(), nil
			} else if !errors.Is(err, ErrExists) {
				return 0, 0, err
			}
		}
	}
	return 0, 0, errors.New("every list is full")
}

// Revoke one document with all its copies, for good: verifiers see it when they
// fetch the status list next. Revoking twice is no error; after another error some
// copies may be revoked: call it again. ErrAbsent: there is no such document.
func (i *Issuer) Revoke(ctx context.Context, id string) error {
	err := i.eachCopy(ctx, id, func(c DocumentCopy) error { return i.mark(ctx, "revoked", c, id) })
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// Suspend a document with all its copies, until Reinstate. Errors are as those of
// Revoke; a document of before, whose list has one bit, can only be revoked.
func (i *Issuer) Suspend(ctx context.Context, id string) error {
	err := i.eachCopy(ctx, id, func(c DocumentCopy) error {
		e, err := i.config.Journal.Get(ctx, "list", strconv.Itoa(c.List))
		if err != nil {
			return err
		}
		if list, err := readList(e); err != nil || list.Bits < statusBits {
			return errors.Join(err, errors.New("its status list, of before, cannot say so"))
		}
		return i.mark(ctx, "suspended", c, id)
	})
	if err != nil {
		return fmt.Errorf("suspend: %w", err)
	}
	return nil
}

// Reinstate a document that was suspended; one that is not is no error.
func (i *Issuer) Reinstate(ctx context.Context, id string) error {
	err := i.eachCopy(ctx, id, func(c DocumentCopy) error {
		if err := i.config.Journal.Delete(ctx, "suspended", placeKey(c.List, c.Index)); !errors.Is(err, ErrAbsent) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reinstate: %w", err)
	}
	return nil
}

// eachCopy visits the first copy last: what it is, all are.
func (i *Issuer) eachCopy(ctx context.Context, id string, visit func(DocumentCopy) error) error {
	d, err := kept[IssuedDocument](ctx, i.config.Journal, "document", id)
	if err != nil {
		return err
	}
	for _, c := range slices.Backward(d.copies()) {
		if err := visit(c); err != nil {
			return err
		}
	}
	return nil
}

func (i *Issuer) mark(ctx context.Context, kind string, c DocumentCopy, id string) error {
	e, err := entry(kind, placeKey(c.List, c.Index), id, time.Time{})
	if err != nil {
		return err
	}
	if err := i.config.Journal.Create(ctx, e); !errors.Is(err, ErrExists) {
		return err
	}
	return nil
}

// marked are the places of one list, or of all when it is "", sorted.
func (i *Issuer) marked(ctx context.Context, kind, list string) ([]string, error) {
	all, err := i.config.Journal.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, e := range all {
		if list == "" || strings.HasPrefix(e.Key, list+"/") {
			keys = append(keys, e.Key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// Documents are those of a person by their pseudonym here, all when it is empty,
// oldest first.
func (i *Issuer) Documents(ctx context.Context, sub string) ([]IssuedDocument, error) {
	all, err := i.config.Journal.List(ctx, "document")
	if err != nil {
		return nil, err
	}
	gone, err := i.marked(ctx, "revoked", "")
	if err != nil {
		return nil, err
	}
	paused, err := i.marked(ctx, "suspended", "")
	if err != nil {
		return nil, err
	}
	said, err := i.acceptances(ctx)
	if err != nil {
		return nil, err
	}
	var found []IssuedDocument
	for _, e := range all {
		var d IssuedDocument
		if err := json.Unmarshal(e.Value, &d); err != nil {
			return nil, err
		}
		if sub != "" && d.Sub != sub {
			continue
		}
		key := placeKey(d.List, d.Index)
		_, d.Revoked = slices.BinarySearch(gone, key)
		_, d.Suspended = slices.BinarySearch(paused, key)
		d.Acceptance = said[d.ID]
		found = append(found, d)
	}
	return found, nil
}

// signedStatus is a list's token, and of what.
type signedStatus struct {
	token        string
	gone, paused []string
	at           time.Time
}

// signedList is the Status List Token of a list as it is now.
func (i *Issuer) signedList(ctx context.Context, name string) (string, error) {
	number, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(number) != name { // nothing else goes to the journal
		return "", ErrAbsent
	}
	e, err := i.config.Journal.Get(ctx, "list", name)
	if err != nil {
		return "", err
	}
	row, err := readList(e)
	if err != nil {
		return "", err
	}
	i.mu.Lock() // an older state is never signed after a newer
	defer i.mu.Unlock()
	now := signedStatus{at: i.config.Now()}
	if now.gone, err = i.marked(ctx, "revoked", name); err != nil {
		return "", err
	}
	if now.paused, err = i.marked(ctx, "suspended", name); err != nil {
		return "", err
	}
	if last := i.signed[number]; last.token != "" && slices.Equal(last.gone, now.gone) && slices.Equal(last.paused, now.paused) &&
		now.at.Sub(last.at).Abs() < credential.ListTTL {
		return last.token, nil
	}
	list, err := statuslist.New(row.Bits, statusSize)
	if err != nil {
		return "", err
	}
	if err := errors.Join(set(list, now.paused, statuslist.Suspended), set(list, now.gone, statuslist.Invalid)); err != nil {
		return "", err
	}
	now.token, err = statuslist.Sign(statuslist.Key{Signer: i.config.Signer, X5C: i.config.Chain},
		statuslist.Token{URI: i.listURI(number), IssuedAt: now.at, Expires: now.at.Add(statusLife), TTL: credential.ListTTL, List: list})
	if err == nil {
		i.signed[number] = now
	}
	return now.token, err
}

func set(list *statuslist.List, places []string, to statuslist.Status) error {
	for _, place := range places {
		_, index, _ := strings.Cut(place, "/")
		at, err := strconv.Atoi(index)
		if err != nil {
			return fmt.Errorf("place %q: %w", place, err)
		}
		if err := list.Set(at, to); err != nil {
			return err
		}
	}
	return nil
}
