package consent

import (
	"context"
	"fmt"
	"slices"
)

// Of answers all grants of a citizen as they stand now, newest first.
func (l *Ledger) Of(ctx context.Context, citizen string) ([]Record, error) {
	events, err := l.Store.Events(ctx, citizen)
	if err != nil {
		return nil, fmt.Errorf("load events: %w", err)
	}
	records, order, err := foldAll(events)
	if err != nil {
		return nil, err
	}
	now := l.Now()
	all := make([]Record, 0, len(order))
	for _, id := range slices.Backward(order) {
		all = append(all, records[id].Reading(now))
	}
	return all, nil
}

// foldAll folds one citizen's events, grant by grant.
func foldAll(events []Event) (map[GrantID]Record, []GrantID, error) {
	byGrant := map[GrantID][]Event{}
	var order []GrantID
	for _, e := range events {
		if byGrant[e.Grant] == nil {
			order = append(order, e.Grant)
		}
		byGrant[e.Grant] = append(byGrant[e.Grant], e)
	}
	records := make(map[GrantID]Record, len(order))
	for id, own := range byGrant {
		r, err := Fold(own)
		if err != nil {
			return nil, nil, fmt.Errorf("grant %s: %w", id, err)
		}
		records[id] = r
	}
	return records, order, nil
}

// HistoryEntry is one line of a citizen's history: what happened, and about what.
type HistoryEntry struct {
	Event  Event
	Record Record // as it stands now
	Detail Detail // as it was asked for
}

// History answers everything that happened about a citizen, newest first.
func (l *Ledger) History(ctx context.Context, citizen string) ([]HistoryEntry, error) {
	events, err := l.Store.Events(ctx, citizen)
	if err != nil {
		return nil, fmt.Errorf("load events: %w", err)
	}
	records, _, err := foldAll(events)
	if err != nil {
		return nil, err
	}
	details := map[GrantID]Detail{}
	for _, e := range events {
		if e.Kind == KindRequested {
			claims, err := l.openRequest(e.Evidence.Request)
			if err != nil {
				return nil, fmt.Errorf("grant %s: %w", e.Grant, err)
			}
			details[e.Grant] = claims.Detail()
		}
	}
	now := l.Now()
	all := make([]HistoryEntry, 0, len(events))
	for _, e := range slices.Backward(events) {
		all = append(all, HistoryEntry{Event: e, Record: records[e.Grant].Reading(now), Detail: details[e.Grant]})
	}
	return all, nil
}

// Account answers all that is kept of a grant: what a receipt is assembled
// from. It does not ask who wants to know: its callers do.
func (l *Ledger) Account(ctx context.Context, id GrantID) (Record, []Event, error) {
	return l.load(ctx, id)
}

// Countersign is the hub's signature over the state of a record as told by its
// events, and over the receipt that it closes.
func (l *Ledger) Countersign(r Record, events []Event, receipt string) (string, error) {
	digest, err := EventsDigest(events)
	if err != nil {
		return "", err
	}
	key, kid := l.Key()
	return signHub(RecordJWT, RecordClaims{
		Issuer: l.Issuer, IssuedAt: l.Now().Unix(), GrantID: r.Grant, State: r.State, Seq: r.Seq,
		Terms: r.Terms, Events: digest, Receipt: receipt,
	}, key, kid)
}

// Notice answers the text of a grant's or proposal's privacy notice to the
// person it concerns.
func (l *Ledger) Notice(ctx context.Context, id GrantID, citizen string) ([]byte, error) {
	r, _, err := l.own(ctx, id, citizen)
	if err != nil {
		return nil, err
	}
	if r.Agreed != nil {
		return Notice(*r.Agreed)
	}
	p, err := l.Store.Proposal(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(p.Terms.Claims) == 0 { // unticked in a bundle
		return nil, ErrNoOffer
	}
	return Notice(p.Terms)
}
