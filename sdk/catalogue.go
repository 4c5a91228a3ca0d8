package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// How long a catalogue is used without asking, and how long when the hub does
// not answer.
const (
	catalogueFresh = 5 * time.Minute
	catalogueStale = 24 * time.Hour
	catalogueAgain = 10 * time.Second // at most so often, whatever others claim, and while the hub does not answer
)

// listing is the hub's catalogue as last seen: verified, and never older than
// one seen before.
type listing struct {
	net     *network
	trust   Trust
	journal Journal
	now     func() time.Time
	own     *certificateWatch
	// officers are those of whom two must have approved what is published; none: the
	// hub's own signature is enough.
	officers []jose.JSONWebKey

	mu      sync.Mutex
	current *catalogue.Catalogue
	fetched time.Time
	failed  time.Time // when the hub did not answer last
}

// get is the catalogue; atLeast asks for a version that somebody else has seen.
func (l *listing) get(ctx context.Context, atLeast int64) (*catalogue.Catalogue, error) {
	l.own.look(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.now().Sub(l.fetched).Abs() // a clock that is set back makes nothing fresh
	if l.current != nil && age < catalogueFresh && (l.current.Version >= atLeast || age < catalogueAgain) {
		return l.current, nil
	}
	stale := l.current != nil && age < catalogueStale
	if stale && l.now().Sub(l.failed).Abs() < catalogueAgain { // who waited for the lock does not wait for the hub too
		return l.current, nil
	}
	fresh, err := l.fetch(ctx)
	if err == nil {
		l.current, l.fetched = fresh, l.now()
		return fresh, nil
	}
	if errors.Is(err, ErrUnavailable) && stale {
		if ctx.Err() == nil { // else it was the one who asked that went away
			l.failed = l.now()
		}
		return l.current, nil
	}
	return nil, fmt.Errorf("catalogue: %w", err)
}

func (l *listing) fetch(ctx context.Context) (*catalogue.Catalogue, error) {
	a, err := l.net.upTo(catalogue.MaxSnapshot).do(ctx, http.MethodGet, l.trust.Issuer+"/catalogue", nil, nil)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrUnavailable, a.status)
	}
	c, err := catalogue.Open(strings.TrimSpace(string(a.body)), l.trust.HubKeys, l.trust.AgencyRoots)
	if err != nil {
		return nil, err
	}
	if err := l.approved(ctx, c); err != nil {
		return nil, err
	}
	if err := l.entriesNotOlder(ctx, c); err != nil {
		return nil, err
	}
	return c, l.notOlder(ctx, c.Version)
}

// maxOfficers bounds the answer with two signatures.
const maxOfficers = 16 << 10

// approved refuses a catalogue that two officers did not sign, byte for byte, where
// the agency knows their keys: then a hub cannot change it alone.
func (l *listing) approved(ctx context.Context, c *catalogue.Catalogue) error {
	if len(l.officers) == 0 {
		return nil
	}
	a, err := l.net.do(ctx, http.MethodGet, fmt.Sprintf("%s/catalogue/%d/officers", l.trust.Issuer, c.Version), nil, nil)
	if err != nil {
		return err
	}
	if err := a.unavailable(); err != nil {
		return err
	}
	var said struct {
		Signatures []string `json:"signatures"`
	}
	if a.status == http.StatusOK && len(a.body) <= maxOfficers {
		if err := json.Unmarshal(a.body, &said); err != nil {
			said.Signatures = nil
		}
	}
	if _, err := catalogue.Approved(c, said.Signatures, l.officers); err != nil {
		return &Error{By: "sdk", Reason: "refused", Check: CheckOfficers, Cause: err.Error(), Mender: transfer.MenderHub, err: err}
	}
	return nil
}

// CheckOfficers is the name of the check that two officers signed the catalogue.
const CheckOfficers = "catalogue officers"

// entriesNotOlder keeps when each agency signed its entry last: a hub that signs
// a newer catalogue cannot put an agency's own older words into it, say an address
// or a key that the agency gave up.
func (l *listing) entriesNotOlder(ctx context.Context, c *catalogue.Catalogue) error {
	const kind = "entries"
	seen, err := kept[map[string]int64](ctx, l.journal, kind, l.trust.Issuer)
	if err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	next, grown := map[string]int64{}, false
	maps.Copy(next, seen)
	for _, a := range c.Agencies {
		issued, err := catalogue.Issued(a.Entry)
		switch at := issued.Unix(); {
		case err != nil:
			return err
		case at < seen[a.ID]:
			return refusal("refused", "catalogue", transfer.MenderHub, "the entry of %s is older than one of its own that was seen before", a.ID)
		case at > seen[a.ID]:
			next[a.ID], grown = at, true
		}
	}
	if !grown {
		return nil
	}
	e, err := entry(kind, l.trust.Issuer, next, time.Time{})
	if err != nil {
		return err
	}
	return l.journal.Put(ctx, e)
}

// notOlder keeps the highest version seen, so that a hub cannot bring back an
// entry that an agency replaced.
func (l *listing) notOlder(ctx context.Context, version int64) error {
	const kind = "catalogue"
	seen, err := kept[int64](ctx, l.journal, kind, l.trust.Issuer)
	switch {
	case err != nil && !errors.Is(err, ErrAbsent):
		return err
	case version < seen:
		return refusal("refused", "catalogue", transfer.MenderHub, "version %d is older than %d, which was seen before", version, seen)
	case version == seen:
		return nil
	}
	e, err := entry(kind, l.trust.Issuer, version, time.Time{})
	if err != nil {
		return err
	}
	return l.journal.Put(ctx, e)
}

// Catalogue is the hub's catalogue, verified: the texts for pages of your own.
func (c *Consumer) Catalogue(ctx context.Context) (*catalogue.Catalogue, error) {
	return c.listing.get(ctx, 0)
}

// Labels are a catalogue's texts in one language: agencies by id, purposes by
// code, data sets by id, fields and facts of one data set by name.
type Labels map[string]string

// LabelsOf reads a catalogue's texts, those of fields and facts for one data set:
// two may have fields of one name. A catalogue that is nil has no texts.
func LabelsOf(c *catalogue.Catalogue, lang, dataSet string) Labels {
	l := Labels{}
	if c == nil {
		return l
	}
	set, _ := c.DataSet(dataSet)
	for _, f := range set.Fields {
		l[f.Name] = f.Label.In(lang)
	}
	for _, r := range set.Derived {
		l[r.Claim] = r.Label.In(lang)
	}
	for _, a := range c.Agencies {
		l[a.ID] = a.Name.In(lang)
	}
	for _, p := range c.Purposes {
		l[p.Code] = p.Text.In(lang)
	}
	for _, d := range c.DataSets {
		l[d.ID] = d.Title.In(lang)
	}
	return l
}

// Of is the text for a name, or the name where there is none.
func (l Labels) Of(name string) string {
	if text, ok := l[name]; ok {
		return text
	}
	return name
}

// Each is Of for several.
func (l Labels) Each(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, l.Of(name))
	}
	return out
}
