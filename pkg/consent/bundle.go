package consent

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Bundle says that several requests are put to the citizen together. Each is a
// grant of its own, which can be left out, and lives and dies alone.
type Bundle struct {
	ID    string `json:"id"`
	Index int    `json:"index"` // from 0, in the order of asking
	Count int    `json:"count"`
}

// MaxBundle bounds what can be asked for at once.
const MaxBundle = 6

func (b Bundle) check() error {
	switch {
	case b.ID == "" || len(b.ID) > 200:
		return refuse("bundle", "its id is missing or too long")
	case b.Count < 2 || b.Count > MaxBundle:
		return refuse("bundle", "of %d requests; 2 to %d go together", b.Count, MaxBundle)
	case b.Index < 0 || b.Index >= b.Count:
		return refuse("bundle", "request %d of %d", b.Index, b.Count)
	}
	return nil
}

func sameBundle(a, b *Bundle) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// checkBundled: what is pushed together is one whole bundle, in its order.
func checkBundled(all []prepared) error {
	first := all[0].claims.Detail().Bundle
	for i, p := range all {
		switch b := p.claims.Detail().Bundle; {
		case b == nil && len(all) > 1:
			return refuse("bundle", "request %d belongs to none", i)
		case b == nil:
		case b.Count != len(all):
			return refuse("bundle", "%d of its %d requests came", len(all), b.Count)
		case b.ID != first.ID || b.Index != i:
			return refuse("bundle", "request %d is not its request %d", i, i)
		case p.citizen != all[0].citizen:
			return refuse("bundle", "its requests are about several people")
		}
	}
	return nil
}

// RequestAll takes the requests of a bundle in, or one alone: all are checked
// before any is kept. The same again answers the same records.
func (l *Ledger) RequestAll(ctx context.Context, in []Requested) ([]Record, error) {
	if len(in) == 0 || len(in) > MaxBundle {
		return nil, refuse("bundle", "%d requests", len(in))
	}
	all := make([]prepared, len(in))
	for i, one := range in {
		var err error
		if all[i], err = l.prepare(ctx, one); err != nil {
			return nil, err
		}
	}
	if err := checkBundled(all); err != nil {
		return nil, err
	}
	records := make([]Record, len(all))
	for i, p := range all {
		var err error
		if records[i], err = l.request(ctx, p); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// ProposeAll makes terms for each request of a bundle that the citizen left
// ticked, all under one nonce; choices[i] nil: request i was unticked. The
// approval is an assertion over the digests of the ticked ones, in order. What
// was unticked is kept too, as a proposal without terms, so that the signature
// says no to it. offers are what Offer just answered of ids, or nil.
func (l *Ledger) ProposeAll(ctx context.Context, ids []GrantID, offers []Offer, citizen string, choices []*Choice) ([]Proposal, error) {
	if len(ids) != len(choices) {
		return nil, refuse("bundle", "%d choices for %d requests", len(choices), len(ids))
	}
	nonce, expires := freshNonce(), l.Now().Add(proposalLife).UTC().Truncate(time.Second)
	var ticked []Proposal
	all := make([]Proposal, len(ids))
	for i, id := range ids {
		all[i] = Proposal{Grant: id, Citizen: citizen, Terms: Terms{GrantID: id}, Nonce: nonce, Expires: expires}
		choice := Choice{Lang: "en"}
		if choices[i] != nil {
			choice = *choices[i]
		}
		offer, err := offered(offers, i), error(nil)
		if !offer.to(id, citizen) || offer.Terms.Notice.Lang != choice.Lang {
			if offer, err = l.Offer(ctx, id, citizen, choice.Lang); err != nil {
				return nil, err
			}
		}
		if choices[i] == nil {
			continue
		}
		if all[i].Terms, err = l.chosen(ctx, offer, citizen, choice); err != nil {
			return nil, err
		}
		ticked = append(ticked, all[i])
	}
	if len(ticked) == 0 {
		return nil, refuse("bundle", "nothing is left")
	}
	for _, p := range all {
		if err := l.Store.Propose(ctx, p); err != nil {
			return nil, fmt.Errorf("keep proposal: %w", err)
		}
	}
	return ticked, nil
}

// offered is what its caller knows of request i.
func offered(offers []Offer, i int) Offer {
	if i >= len(offers) {
		return Offer{}
	}
	return offers[i]
}

// to says whether there is something to decide, and for this citizen.
func (o Offer) to(id GrantID, citizen string) bool {
	return o.Record.Grant == id && o.Terms.GrantID == id && o.Record.State == StateRequested && o.Record.of(citizen) == nil
}

// chosen makes the terms for a choice.
func (l *Ledger) chosen(ctx context.Context, offer Offer, citizen string, choice Choice) (Terms, error) {
	terms := offer.Terms
	var err error
	if terms.Subjects.Provider, err = l.providerSubject(ctx, terms.GrantID, citizen, terms.Provider.ID); err != nil {
		return terms, err
	}
	if terms, err = l.complete(terms, offer.Request, choice.Claims); err != nil {
		return terms, err
	}
	return terms, Narrow(offer.Request, terms, l.Catalogue())
}

// GrantAll makes the proposed terms of a bundle grants, by one approval, and
// denies what was unticked: one commit, whole or not at all. ids are in the
// order of asking. The same assertion again answers the same records. Where
// terms are a new version, the same commit ends the old one. offers are what Offer
// just answered of ids, or nil.
func (l *Ledger) GrantAll(ctx context.Context, ids []GrantID, offers []Offer, citizen string, a approval.Assertion) ([]Record, error) {
	if len(ids) == 0 || len(ids) > MaxBundle {
		return nil, refuse("bundle", "%d grants", len(ids))
	}
	load, known, err := l.amending(ctx, ids, offers, citizen)
	if err != nil {
		return nil, err
	}
	now, err := l.decideAll(ctx, load, known, a.Signature, func(now []account) ([]Event, string, bool, error) {
		done, err := l.open(now[:len(ids)], a)
		if done || err != nil {
			return nil, "", done, err
		}
		next, closed, err := l.grantEvents(ctx, ids, citizen, a)
		for _, one := range now[:len(ids)] {
			if r := one.record; r.Supersedes != "" {
				next = append(next, Event{Grant: r.Supersedes, Kind: KindSuperseded, By: "citizen", Successor: r.Grant})
			}
		}
		return next, "granted/" + string(ids[0]) + "/" + closed, false, err
	})
	var records []Record
	for _, one := range now {
		records = append(records, one.record)
	}
	return records[:min(len(ids), len(records))], err
}

// amending loads this person's grants, and after them those that they would
// replace.
func (l *Ledger) amending(ctx context.Context, ids []GrantID, offers []Offer, citizen string) ([]GrantID, []account, error) {
	known := make([]account, len(ids))
	for i, id := range ids {
		if known[i] = offered(offers, i).loaded; known[i].record.Grant == id {
			continue
		}
		one, err := l.accounts(ctx, ids[i:i+1])
		if err != nil {
			return nil, nil, err
		}
		known[i] = one[0]
	}
	var old []GrantID
	for _, one := range known {
		if err := one.record.of(citizen); err != nil {
			return nil, nil, err
		}
		if one.record.Supersedes != "" {
			old = append(old, one.record.Supersedes)
		}
	}
	replaced, err := l.accounts(ctx, old)
	return slices.Concat(ids, old), append(known, replaced...), err
}

// DenyAll is the citizen's no to all requests of a bundle, in one commit.
// Repeating it changes nothing.
func (l *Ledger) DenyAll(ctx context.Context, ids []GrantID, citizen string) error {
	name := "denied"
	known, err := l.accounts(ctx, ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if err := known[i].record.of(citizen); err != nil {
			return err
		}
		name += "/" + string(id)
	}
	_, err = l.decideAll(ctx, ids, known, []byte(name), func(now []account) (next []Event, _ string, done bool, err error) {
		for i, one := range now {
			switch one.record.Reading(l.Now()).State {
			case StateDenied:
				continue
			case StateExpired:
				return nil, "", false, ErrExpired
			}
			next = append(next, Event{Grant: ids[i], Kind: KindDenied, By: "citizen"})
		}
		return next, name, len(next) == 0, nil
	})
	return err
}

// open says whether the assertion was taken before, and else refuses what does
// not wait for a decision any more.
func (l *Ledger) open(now []account, a approval.Assertion) (done bool, err error) {
	for _, one := range now {
		if given := approvalOf(one.events); given != nil && bytes.Equal(given.Assertion.Signature, a.Signature) {
			return true, nil
		}
	}
	for _, one := range now {
		switch one.record.Reading(l.Now()).State {
		case StateRequested:
		case StateExpired:
			return false, ErrExpired
		default:
			return false, ErrDecided
		}
	}
	return false, nil
}
