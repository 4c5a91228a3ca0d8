package approval_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// person enrols once, adds a second passkey, removes the first.
func person(t *testing.T) (w *consenttest.World, records []approval.KeyRecord, second *consenttest.Passkey) {
	t.Helper()
	w = consenttest.New()
	first := w.People.Enrol("ada")
	second = consenttest.NewPasskey(w.RP)
	w.People.Change("ada", approval.OpAdd, second, first)
	w.People.Change("ada", approval.OpRemove, first, second)
	records, err := w.People.History(t.Context(), "ada")
	ok(t, "history", err)
	return w, records, second
}

func TestVerifyHistory(t *testing.T) {
	w, records, second := person(t)
	active, err := approval.VerifyHistory(records, w.RP, w.Trust.Officers)
	ok(t, "history", err)
	if len(active) != 1 || active[0].KeyID != second.JWK().KeyID {
		t.Errorf("active: %v", active)
	}
	active, err = approval.VerifyHistory(records[:2], w.RP, w.Trust.Officers)
	ok(t, "as it was", err)
	if len(active) != 2 {
		t.Errorf("two keys were active, not %d", len(active))
	}
	w.Pass(time.Hour)
	third := w.People.Enrol("ada")
	records, err = w.People.History(t.Context(), "ada")
	ok(t, "history", err)
	active, err = approval.VerifyHistory(records, w.RP, w.Trust.Officers)
	ok(t, "after a loss", err)
	if len(active) != 1 || active[0].KeyID != third.JWK().KeyID {
		t.Errorf("after a loss: %v", active)
	}
}

// deep copies records, so that bending one bends no other.
func deep(t *testing.T, records []approval.KeyRecord) []approval.KeyRecord {
	t.Helper()
	raw, err := json.Marshal(records)
	ok(t, "marshal", err)
	var again []approval.KeyRecord
	ok(t, "unmarshal", json.Unmarshal(raw, &again))
	if !reflect.DeepEqual(mustJSON(t, again), raw) {
		t.Fatal("a history does not survive JSON")
	}
	return again
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	ok(t, "marshal", err)
	return raw
}

//clause:passkeys adding and removing is signed by an existing one; the last stays
func TestVerifyHistoryRefuses(t *testing.T) {
	type bend = func(w *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord
	edit := func(i int, f func(*approval.KeyEvent)) bend {
		return func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord { f(&r[i].Event); return r }
	}
	for name, c := range map[string]struct {
		bend bend
		want string
	}{
		"it refuses nothing":         {func(*consenttest.World, []approval.KeyRecord) []approval.KeyRecord { return nil }, approval.CheckHistory},
		"it refuses a missing event": {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord { return r[1:] }, approval.CheckHistory},
		"it refuses a gap":           {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord { return slices.Delete(r, 1, 2) }, approval.CheckHistory},
		"it refuses another order": {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord {
			r[1], r[2] = r[2], r[1]
			return r
		}, approval.CheckHistory},
		"it refuses an endless one": {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord {
			return make([]approval.KeyRecord, 1001)
		}, approval.CheckHistory},
		"it refuses time running back":  {edit(1, func(e *approval.KeyEvent) { e.At = e.At.Add(-time.Hour) }), approval.CheckHistory},
		"it refuses a fraction of time": {edit(1, func(e *approval.KeyEvent) { e.At = e.At.Add(time.Millisecond) }), approval.CheckHistory},
		"it refuses another deed":       {edit(1, func(e *approval.KeyEvent) { e.Op = "swap" }), approval.CheckHistory},
		"it refuses another doer":       {edit(1, func(e *approval.KeyEvent) { e.By.Kind = "hub" }), approval.CheckHistory},
		"it refuses no key":             {edit(1, func(e *approval.KeyEvent) { e.Key = nil }), approval.CheckHistory},
		"it refuses a misnamed key":     {edit(1, func(e *approval.KeyEvent) { e.Key.KeyID = "x" }), approval.CheckHistory},
		"it refuses a private key": {edit(1, func(e *approval.KeyEvent) {
			e.Key = &jose.JSONWebKey{Key: consenttest.NewKey(), KeyID: e.Key.KeyID}
		}), approval.CheckHistory},
		"it refuses another key in its place": {edit(1, func(e *approval.KeyEvent) {
			key := consenttest.NewPasskey(rp).JWK()
			e.Key = &key
		}), approval.CheckChallenge},
		"it refuses a key that comes back": {edit(1, func(e *approval.KeyEvent) { e.Op = approval.OpRemove }), approval.CheckChallenge},
		"it refuses an inactive signer":    {edit(1, func(e *approval.KeyEvent) { e.By.Key = "x" }), approval.CheckHistory},
		"it refuses an unsigned event":     {edit(1, func(e *approval.KeyEvent) { e.By.Assertion = nil }), approval.CheckHistory},
		"it refuses a short nonce":         {edit(1, func(e *approval.KeyEvent) { e.By.Nonce = e.By.Nonce[:8] }), approval.CheckHistory},
		"it refuses a changed nonce":       {edit(1, func(e *approval.KeyEvent) { e.By.Nonce[0]++ }), approval.CheckChallenge},
		"it refuses one officer":           {edit(0, func(e *approval.KeyEvent) { e.By.Orders = e.By.Orders[:1] }), approval.CheckOfficers},
		"it refuses one officer twice":     {edit(0, func(e *approval.KeyEvent) { e.By.Orders[1] = e.By.Orders[0] }), approval.CheckOfficers},
		"it refuses a broken order":        {edit(0, func(e *approval.KeyEvent) { e.By.Orders[1] += "A" }), approval.CheckOfficers},
		"it refuses another code":          {edit(0, func(e *approval.KeyEvent) { e.By.Code = "ANOTHER" }), approval.CheckOfficers},
		"it refuses officers who remove":   {edit(0, func(e *approval.KeyEvent) { e.Op = approval.OpRemove }), approval.CheckHistory},
		"it refuses an order that has expired": {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord {
			return shift(r, 30*24*time.Hour)
		}, approval.CheckOfficers},
		"it refuses an order not yet given": {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord { return shift(r, -time.Hour) }, approval.CheckOfficers},
		"it refuses strangers as officers": {func(w *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord {
			w.Trust.Officers = consenttest.New().Trust.Officers
			return r
		}, approval.CheckOfficers},
		"it refuses a first order used again": {func(_ *consenttest.World, r []approval.KeyRecord) []approval.KeyRecord {
			again := r[0]
			again.Event.Seq = 4
			return append(r, again)
		}, approval.CheckOfficers},
	} {
		t.Run(name, func(t *testing.T) {
			w, records, _ := person(t)
			bent := c.bend(w, deep(t, records))
			_, err := approval.VerifyHistory(bent, w.RP, w.Trust.Officers)
			check(t, name, err, c.want)
		})
	}
}

func shift(records []approval.KeyRecord, d time.Duration) []approval.KeyRecord {
	for i := range records {
		records[i].Event.At = records[i].Event.At.Add(d)
	}
	return records
}

// What the passkeys or the officers really signed, and the history may not hold.
func TestVerifyHistoryRefusesSigned(t *testing.T) {
	for _, c := range []struct {
		name, want, says string
		live             func(w *consenttest.World, first *consenttest.Passkey)
	}{
		{"it refuses to remove the last passkey", approval.CheckHistory, "last", func(w *consenttest.World, first *consenttest.Passkey) {
			w.People.Change("ada", approval.OpRemove, first, first)
		}},
		{"it refuses to remove a passkey that is not there", approval.CheckHistory, "not active", func(w *consenttest.World, first *consenttest.Passkey) {
			w.People.Change("ada", approval.OpRemove, consenttest.NewPasskey(w.RP), first)
		}},
		{"it refuses a passkey twice", approval.CheckHistory, "old key", func(w *consenttest.World, first *consenttest.Passkey) {
			w.People.Change("ada", approval.OpAdd, first, first)
		}},
		{"it refuses a removed passkey's return", approval.CheckHistory, "old key", func(w *consenttest.World, first *consenttest.Passkey) {
			second := consenttest.NewPasskey(w.RP)
			w.People.Change("ada", approval.OpAdd, second, first)
			w.People.Change("ada", approval.OpRemove, first, second)
			w.People.Change("ada", approval.OpAdd, first, second)
		}},
		{"it refuses a removed passkey's deed", approval.CheckHistory, "not active", func(w *consenttest.World, first *consenttest.Passkey) {
			second := consenttest.NewPasskey(w.RP)
			w.People.Change("ada", approval.OpAdd, second, first)
			w.People.Change("ada", approval.OpRemove, first, second)
			w.People.Change("ada", approval.OpAdd, consenttest.NewPasskey(w.RP), first)
		}},
		{"it refuses a passkey from before a loss", approval.CheckHistory, "not active", func(w *consenttest.World, first *consenttest.Passkey) {
			w.People.Enrol("ada")
			w.People.Change("ada", approval.OpAdd, consenttest.NewPasskey(w.RP), first)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := consenttest.New()
			c.live(w, w.People.Enrol("ada"))
			records, err := w.People.History(t.Context(), "ada")
			ok(t, "history", err)
			_, err = approval.VerifyHistory(records, w.RP, w.Trust.Officers)
			says(t, c.name, err, c.want, c.says)
		})
	}
}

func TestVerifyHistoryRefusesCuts(t *testing.T) {
	w := consenttest.New()
	w.People.Enrol("ada")
	w.People.Enrol("ada")
	records, err := w.People.History(t.Context(), "ada")
	ok(t, "history", err)
	_, err = approval.VerifyHistory(records[1:], w.RP, w.Trust.Officers)
	says(t, "it refuses to begin after a loss", err, approval.CheckHistory, "event 2 stands where 1 should")
	_, err = approval.VerifyHistory(append(records[:1:1], records[0]), w.RP, w.Trust.Officers)
	says(t, "it refuses an event twice", err, approval.CheckHistory, "event 1 stands where 2 should")
	_, err = approval.VerifyHistory(make([]approval.KeyRecord, 1001), w.RP, w.Trust.Officers)
	says(t, "it refuses an endless one", err, approval.CheckHistory, "more than 1000")
}

// says holds a refusal to its check and to the words of its rule, because
// another rule of the same check may refuse the same.
func says(t *testing.T, what string, err error, name, words string) {
	t.Helper()
	check(t, what, err, name)
	if err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want %q", what, err, words)
	}
}

// ordered is a history of officers' orders alone, the last of which is bent.
func ordered(t *testing.T, w *consenttest.World, bend func(*approval.Order, *approval.KeyEvent, approval.KeyEvent)) []approval.KeyRecord {
	t.Helper()
	w.People.Enrol("ada")
	w.People.Enrol("ada")
	records, err := w.People.History(t.Context(), "ada")
	ok(t, "history", err)
	first, last := records[0].Event, &records[1].Event
	order, err := approval.VerifyOrders(last.By.Orders, w.Trust.Officers)
	ok(t, "orders", err)
	bend(&order, last, first)
	last.By.Orders = nil
	for _, officer := range w.Officers {
		jws, err := approval.SignOrder(order, officer)
		ok(t, "sign", err)
		last.By.Orders = append(last.By.Orders, jws)
	}
	return records
}

func TestVerifyHistoryRefusesOrders(t *testing.T) {
	for _, c := range []struct {
		name, want, says string
		bend             func(o *approval.Order, e *approval.KeyEvent, first approval.KeyEvent)
	}{
		{"it refuses a second enrolment that replaces nothing", approval.CheckOfficers, "replacement",
			func(o *approval.Order, _ *approval.KeyEvent, _ approval.KeyEvent) { o.Replace = false }},
		{"it refuses an old passkey, by whatever order", approval.CheckHistory, "old key",
			func(_ *approval.Order, e *approval.KeyEvent, first approval.KeyEvent) { e.Key = first.Key }},
		{"it refuses a code used before", approval.CheckOfficers, "again",
			func(o *approval.Order, e *approval.KeyEvent, first approval.KeyEvent) {
				e.By.Code, o.Code = first.By.Code, approval.CodeHash(first.By.Code)
			}},
		{"it refuses an order for another code", approval.CheckOfficers, "code",
			func(o *approval.Order, _ *approval.KeyEvent, _ approval.KeyEvent) {
				o.Code = approval.CodeHash("OTHER")
			}},
		{"it refuses an order that is over", approval.CheckOfficers, "time",
			func(o *approval.Order, e *approval.KeyEvent, _ approval.KeyEvent) { o.Expires = e.At.Unix() - 1 }},
		{"it refuses an order to come", approval.CheckOfficers, "time",
			func(o *approval.Order, e *approval.KeyEvent, _ approval.KeyEvent) { o.IssuedAt = e.At.Unix() + 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := consenttest.New()
			_, err := approval.VerifyHistory(ordered(t, w, c.bend), w.RP, w.Trust.Officers)
			says(t, c.name, err, c.want, c.says)
		})
	}
}
