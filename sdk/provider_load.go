package sdk

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// load asks the agency for the record and keeps only what was granted.
func (p *Provider) load(ctx context.Context, g *transfer.Granted) (map[string]any, Released, error) {
	released := Released{At: p.config.Now().UTC(), GrantID: g.Detail.GrantID, Use: g.Detail.Use,
		Consumer: g.Detail.Consumer, Purpose: g.Terms.Purpose.Code, DataSet: g.DataSet.ID}
	set, ok := p.config.DataSets[g.DataSet.ID]
	if !ok {
		return nil, released, refusal("not_served", "data set", transfer.MenderProvider, "this service does not serve %q", g.DataSet.ID)
	}
	who := Subject{Sub: g.Sealed.Subject, ResidentID: g.Sealed.ResidentID}
	if g.Terms.DataRange != nil {
		if who.Range = *g.Terms.DataRange; !set.Ranges {
			return nil, released, refusal("not_served", "data range", transfer.MenderProvider, "this service gives %q whole or not at all", g.DataSet.ID)
		}
	}
	record, err := p.ask(ctx, set, who)
	switch {
	case errors.Is(err, ErrNoMatch):
		return nil, released, &Error{By: "provider", Reason: "no_match", Check: "record", Cause: ErrNoMatch.Error(), Mender: transfer.MenderCitizen, err: ErrNoMatch}
	case errors.Is(err, ErrSeveral):
		return nil, released, &Error{By: "provider", Reason: "several", Check: "record", Cause: ErrSeveral.Error(), Mender: transfer.MenderProvider, err: ErrSeveral}
	case err != nil:
		return nil, released, err
	case record == nil:
		return nil, released, errors.New("load record: Load answered neither a record nor an error")
	}
	if err := fits(g, record); err != nil {
		return nil, released, err
	}
	claims := map[string]any{}
	for _, c := range g.Terms.Claims {
		if claims[c.Name], err = claim(set, c, record); err != nil {
			return nil, released, err
		}
	}
	released.Left = slices.Sorted(maps.Keys(claims))
	for _, name := range slices.Sorted(maps.Keys(record)) {
		if _, sent := claims[name]; !sent {
			released.Dropped = append(released.Dropped, name)
		}
	}
	return claims, released, nil
}

// loadFor is how long an agency's own record may take to load; who needs longer
// answers ErrLater.
const loadFor = 30 * time.Second

// ask has the agency load the record. A Load that panics is a fault of the provider,
// not the end of its process; one that does not come back holds up this release
// alone, and for so long.
func (p *Provider) ask(ctx context.Context, set DataSet, who Subject) (Record, error) {
	type loaded struct {
		record Record
		err    error
	}
	limit := p.config.LoadFor
	if limit <= 0 {
		limit = loadFor
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan loaded, 1)
	go func() {
		record, err := found(ctx, set.Load, who)
		done <- loaded{record, err}
	}()
	select {
	case l := <-done:
		return l.record, loading(l.err)
	case <-ctx.Done():
		return nil, &Error{By: "provider", Reason: "slow", Check: "record", Cause: "the record did not come in time; ask again with the same idempotency key",
			Mender: transfer.MenderProvider, Status: http.StatusServiceUnavailable, err: ctx.Err()}
	}
}

// found runs an agency's Load.
func found(ctx context.Context, load func(context.Context, Subject) (Record, error), who Subject) (record Record, err error) {
	defer func() {
		if what := recover(); what != nil {
			record, err = nil, panicked(what)
		}
	}()
	return load(ctx, who)
}

// panicked says what kind of panic it was, and where in the agency's code. What it says
// itself may be personal, save where it is of types alone.
func panicked(what any) error {
	said := fmt.Sprintf("%T", what)
	if wrong, ok := what.(*runtime.TypeAssertionError); ok {
		said = wrong.Error()
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]) // above the function that recovers
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") && frame.File != "" {
			return fmt.Errorf("it panicked at %s:%d: %s", filepath.Base(frame.File), frame.Line, said)
		}
		if !more {
			return fmt.Errorf("it panicked: %s", said)
		}
	}
}

// derived runs an agency's function.
func derived(derive func(Record) (any, error), fields Record) (value any, err error) {
	defer func() {
		if what := recover(); what != nil {
			value, err = nil, panicked(what)
		}
	}()
	return derive(fields)
}

// fits holds the record against the schema whose hash the citizen approved.
func fits(g *transfer.Granted, record Record) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("record of %q: %w", g.DataSet.ID, err)
	}
	if err := g.DataSet.Check(text); err != nil {
		return refusal("schema_drift", "record schema", transfer.MenderProvider, "%v", err)
	}
	return nil
}

// maxClaim bounds one value, and with maxClaims of the terms all that leaves.
const maxClaim = 64 << 10

// claim is one value that leaves: made from the fields that the terms name for
// it, and from no other.
func claim(set DataSet, c consent.Claim, record Record) (any, error) {
	fields := Record{}
	for _, name := range c.From {
		if value, ok := record[name]; ok {
			fields[name] = value
		}
	}
	var value any
	switch derive, ok := set.Derive[c.Name]; {
	case ok:
		var err error
		if value, err = derived(derive, fields); err != nil {
			return nil, fmt.Errorf("derive %q: %w", c.Name, err)
		}
	case len(c.From) == 1 && c.From[0] == c.Name:
		value = fields[c.Name]
	default:
		return nil, fmt.Errorf("derive %q: DataSet.Derive has no such function", c.Name)
	}
	if text, err := json.Marshal(value); err != nil || len(text) > maxClaim {
		return nil, refusal("too_much", "record", transfer.MenderProvider, "the value of %q cannot be sent, or is longer than %d bytes", c.Name, maxClaim)
	}
	if value == nil {
		return nil, refusal("no_value", "record", transfer.MenderProvider, "the record has no value for %q", c.Name)
	}
	return value, nil
}

// checkPinned is the name of the check that compares a passkey history with
// the one seen before.
const checkPinned = "pinned passkey history"

// pinned is what the journal keeps of one person's passkeys: kind "pin", key
// the person's pseudonym here.
type pinned struct {
	ResidentID string      `json:"resident_id,omitempty"`
	Events     []pinnedKey `json:"events"`
}

type pinnedKey struct {
	Digest string `json:"digest"`
	Op     string `json:"op"`
	By     string `json:"by"`
	Key    string `json:"key"`
	At     int64  `json:"at"`
}

// pin compares the history, which is signed and witnessed by now, with the one
// seen before: it may only have grown, and a pseudonym stays one resident's. So
// a hub that makes up a second history for a person is found out by whoever
// has seen the first.
func (p *Provider) pin(ctx context.Context, g *transfer.Granted) error {
	now := pinned{ResidentID: g.Sealed.ResidentID}
	for _, record := range g.Sealed.Approval.History {
		d, err := record.Event.Digest()
		if err != nil {
			return err
		}
		now.Events = append(now.Events, pinnedKey{
			base64.RawURLEncoding.EncodeToString(d[:]), record.Event.Op, record.Event.By.Kind, record.Event.Key.KeyID, record.Event.At.Unix()})
	}
	defer p.locks.lock("pin/" + g.Sealed.Subject)() // two grants of one person may come at once
	was, err := kept[pinned](ctx, p.config.Journal, "pin", g.Sealed.Subject)
	if errors.Is(err, ErrAbsent) {
		return p.keepPin(ctx, g, now, true)
	}
	if err != nil {
		return err
	}
	return p.comparePin(ctx, g, was, now)
}

// keepPin ties a resident identifier that is new here to this pseudonym for good.
func (p *Provider) keepPin(ctx context.Context, g *transfer.Granted, now pinned, fresh bool) error {
	if fresh && now.ResidentID != "" {
		e, err := entry("resident", now.ResidentID, g.Sealed.Subject, time.Time{})
		if err != nil {
			return err
		}
		if err := p.config.Journal.Create(ctx, e); errors.Is(err, ErrExists) {
			was, err := kept[string](ctx, p.config.Journal, "resident", now.ResidentID)
			if err != nil {
				return err
			}
			if was != g.Sealed.Subject {
				return refusal("refused", checkPinned, transfer.MenderHub, "this resident was known by another pseudonym")
			}
		} else if err != nil {
			return err
		}
	}
	return p.keep(ctx, "pin", g.Sealed.Subject, now, time.Time{})
}

// comparePin: where one of the two has no resident identifier, the catalogue did not
// entitle us to it then, or does not now.
func (p *Provider) comparePin(ctx context.Context, g *transfer.Granted, was, now pinned) error {
	if was.ResidentID != "" && now.ResidentID != "" && was.ResidentID != now.ResidentID {
		return refusal("refused", checkPinned, transfer.MenderHub, "this pseudonym was another resident's")
	}
	shared := min(len(was.Events), len(now.Events))
	if !slices.Equal(was.Events[:shared], now.Events[:shared]) {
		return refusal("refused", checkPinned, transfer.MenderHub, "it is not the history seen before: a key came or went without explanation")
	}
	fresh := was.ResidentID == ""
	now.ResidentID = cmp.Or(now.ResidentID, was.ResidentID)
	if len(now.Events) > len(was.Events) {
		return p.keepPin(ctx, g, now, fresh)
	}
	// An approval from before the newest events we know: good unless its
	// passkey was gone by then, removed or replaced by officers.
	key, begin := g.Sealed.Approval.Key, g.Terms.Validity.NotBefore
	for _, e := range was.Events[shared:] {
		ended := e.Op == approval.OpRemove && e.Key == key || e.By == approval.ByOfficers
		if ended && e.At <= begin {
			return refusal("refused", checkPinned, transfer.MenderHub, "the passkey was removed before it approved")
		}
	}
	if fresh && now.ResidentID != "" {
		return p.keepPin(ctx, g, pinned{now.ResidentID, was.Events}, fresh)
	}
	return nil
}
