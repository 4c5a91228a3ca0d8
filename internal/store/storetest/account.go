package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/internal/account"
)

var accountTime = time.UnixMilli(1_700_000_000_000)

// Accounts is what every account.Store must do. s is empty.
func Accounts(t *testing.T, s account.Store) {
	t.Run("it answers ErrNotFound for what is not there", func(t *testing.T) { accountsEmpty(t, s) })
	t.Run("it keeps an enrolment whole and takes its code once", func(t *testing.T) { accountsEnrol(t, s) })
	t.Run("it writes nothing of a commit that conflicts", func(t *testing.T) { accountsConflict(t, s) })
	t.Run("it counts tries and ends an older order", func(t *testing.T) { accountsOrders(t, s) })
	t.Run("it gives a ceremony to one taker, owner and kind", func(t *testing.T) { accountsCeremonies(t, s) })
	t.Run("it ends sessions with their passkey", func(t *testing.T) { accountsSessions(t, s) })
	t.Run("it ends all passkeys and sessions of one citizen only", func(t *testing.T) { accountsEndAll(t, s) })
	t.Run("it keeps one pseudonym a sector, and the way back", func(t *testing.T) { accountsPseudonyms(t, s) })
	t.Run("it adds up budgets, also at once", func(t *testing.T) { accountsBudgets(t, s) })
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// unstorable are texts that come from outside and that PostgreSQL keeps in no
// row: what is sought by them is not there, on any database.
var unstorable = []string{"a\x00b", "\xff\xfe"}

func accountsEmpty(t *testing.T, s account.Store) {
	ctx := t.Context()
	for _, odd := range unstorable {
		_, err := s.PseudonymOf(ctx, "sector", odd)
		is(t, "pseudonym", err, account.ErrNotFound)
		_, err = s.Citizen(ctx, odd)
		is(t, "citizen", err, account.ErrNotFound)
	}
	_, err := s.Citizen(ctx, "nobody")
	is(t, "citizen", err, account.ErrNotFound)
	_, err = s.CitizenOf(ctx, "nobody")
	is(t, "citizen of", err, account.ErrNotFound)
	_, err = s.Living(ctx, "nobody")
	is(t, "living", err, account.ErrNotFound)
	_, err = s.Order(ctx, "none")
	is(t, "order", err, account.ErrNotFound)
	_, err = s.Session(ctx, "none", accountTime)
	is(t, "session", err, account.ErrNotFound)
	is(t, "end session", s.EndSession(ctx, "none"), account.ErrNotFound)
	is(t, "touch", s.TouchPasskey(ctx, "none", []byte("{}"), accountTime), account.ErrNotFound)
	_, err = s.PseudonymOf(ctx, "sector", "none")
	is(t, "pseudonym", err, account.ErrNotFound)
	keys, events, err := s.Keys(ctx, "nobody")
	is(t, "keys", err, nil)
	same(t, "keys", len(keys)+len(events), 0)
	rows, err := s.Passkeys(ctx, "nobody")
	is(t, "passkeys", err, nil)
	same(t, "passkeys", len(rows), 0)
}

// enrolled is a commit of a citizen's first passkey, named after who.
func enrolled(who string) account.Commit {
	return account.Commit{
		ID:      "enrol/" + who,
		At:      accountTime,
		Citizen: &account.CitizenRow{ID: "citizen-" + who, Resident: "resident-" + who, Key: []byte("key of " + who), Created: accountTime},
		Passkey: &account.PasskeyRow{
			ID: "passkey-" + who, Citizen: "citizen-" + who, Credential: []byte(`{"a":1}`), JWK: []byte(`{"kty":"EC"}`),
			Device: "iPhone", Added: accountTime, LastUsed: accountTime,
		},
		Event:  &account.EventRow{Citizen: "citizen-" + who, Seq: 1, Event: []byte(`{"seq":1}`), Salt: []byte("salt")},
		Leaves: [][]byte{append([]byte{1}, make([]byte, 32)...)},
	}
}

func ordered(who, hash string) account.Commit {
	return account.Commit{ID: "order/" + hash, At: accountTime, Order: &account.OrderRow{
		CodeHash: hash, Resident: "resident-" + who, Orders: []string{"one", "two"}, Salt: []byte("salt"), Expires: accountTime.Add(time.Hour),
	}}
}

func accountsEnrol(t *testing.T, s account.Store) {
	ctx := t.Context()
	order := ordered("a", "hash-a")
	is(t, "order", s.Commit(ctx, order), nil)
	c := enrolled("a")
	c.UseCode = "hash-a"
	is(t, "commit", s.Commit(ctx, c), nil)
	c.At = c.At.Add(time.Minute)
	is(t, "the same commit again", s.Commit(ctx, c), nil)

	row, err := s.CitizenOf(ctx, "resident-a")
	is(t, "citizen", err, nil)
	same(t, "citizen", row, *c.Citizen)
	row, err = s.Living(ctx, c.Citizen.ID)
	is(t, "living", err, nil)
	same(t, "living", row, *c.Citizen)
	keys, err := s.Passkeys(ctx, "citizen-a")
	is(t, "passkeys", err, nil)
	same(t, "passkeys", keys, []account.PasskeyRow{*c.Passkey})
	events, err := s.Events(ctx, "citizen-a")
	is(t, "events", err, nil)
	same(t, "events", events, []account.EventRow{*c.Event})
	kept, err := s.Order(ctx, "hash-a")
	is(t, "order", err, nil)
	order.Order.Used = true
	same(t, "order", kept, *order.Order)

	again := enrolled("a2")
	again.UseCode = "hash-a"
	is(t, "the code a second time", s.Commit(ctx, again), account.ErrConflict)
	changed := c
	changed.Leaves = nil
	if err := s.Commit(ctx, changed); err == nil || errors.Is(err, account.ErrConflict) {
		t.Errorf("the commit id with another content: %v", err)
	}
}

func accountsConflict(t *testing.T, s account.Store) {
	ctx := t.Context()
	is(t, "commit", s.Commit(ctx, enrolled("b")), nil)
	cases := []struct {
		name   string
		change func(c *account.Commit)
	}{
		{"a resident twice", func(c *account.Commit) { c.Citizen.Resident = "resident-b" }},
		{"a citizen id twice", func(c *account.Commit) { c.Citizen.ID = "citizen-b" }},
		{"a credential id twice", func(c *account.Commit) { c.Passkey.ID = "passkey-b" }},
		{"an event's place twice", func(c *account.Commit) { c.Event.Citizen, c.Event.Seq = "citizen-b", 1 }},
		{"the end of a passkey that does not live", func(c *account.Commit) { c.End = []string{"passkey-none"} }},
	}
	for i, tc := range cases {
		who := fmt.Sprintf("c%d", i)
		c := enrolled(who)
		tc.change(&c)
		is(t, tc.name, s.Commit(ctx, c), account.ErrConflict)
		_, err := s.Citizen(ctx, "citizen-"+who)
		is(t, tc.name+": the citizen", err, account.ErrNotFound)
		is(t, tc.name+": the id is free", s.Commit(ctx, enrolled(who)), nil)
	}
}

func accountsOrders(t *testing.T, s account.Store) {
	ctx := t.Context()
	is(t, "order", s.Commit(ctx, ordered("o", "old")), nil)
	is(t, "order", s.Commit(ctx, ordered("o", "new")), nil)
	is(t, "order", s.Commit(ctx, ordered("other", "others")), nil)
	try := func(hash string, at time.Time) error {
		_, err := s.TryOrder(ctx, hash, at, 2)
		return err
	}
	is(t, "the older order", try("old", accountTime), account.ErrNotFound)
	is(t, "an unknown order", try("unknown", accountTime), account.ErrNotFound)
	is(t, "an expired order", try("new", accountTime.Add(time.Hour)), account.ErrNotFound)
	is(t, "the first try", try("new", accountTime), nil)
	is(t, "the second try", try("new", accountTime), nil)
	is(t, "one try too many", try("new", accountTime), account.ErrNotFound)
	is(t, "somebody else's order", try("others", accountTime), nil)
}

func accountsCeremonies(t *testing.T, s account.Store) {
	ctx := t.Context()
	row := account.CeremonyRow{Key: "k", Kind: "login", Owner: "me", Data: []byte("data"), Expires: accountTime.Add(time.Minute)}
	is(t, "put", s.PutCeremony(ctx, row, accountTime), nil)
	_, err := s.TakeCeremony(ctx, "k", "login", "you", accountTime)
	is(t, "another owner", err, account.ErrNotFound)
	_, err = s.TakeCeremony(ctx, "k", "enrol", "me", accountTime)
	is(t, "another kind", err, account.ErrNotFound)
	_, err = s.TakeCeremony(ctx, "k", "login", "me", accountTime.Add(time.Minute))
	is(t, "too late", err, account.ErrNotFound)
	got, err := s.PeekCeremony(ctx, "k", "login", "me", accountTime)
	is(t, "peek", err, nil)
	same(t, "peek", got, row)

	var won int
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := s.TakeCeremony(ctx, "k", "login", "me", accountTime); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	same(t, "takers", won, 1)

	is(t, "put", s.PutCeremony(ctx, row, accountTime), nil)
	next := row
	next.Key, next.Expires = "k2", accountTime.Add(time.Hour)
	is(t, "put later", s.PutCeremony(ctx, next, accountTime.Add(2*time.Minute)), nil)
	_, err = s.PeekCeremony(ctx, "k", "login", "me", accountTime)
	is(t, "an expired row, forgotten", err, account.ErrNotFound)
}

func session(who, hash string) account.SessionRow {
	return account.SessionRow{Hash: hash, Citizen: "citizen-" + who, Passkey: "passkey-" + who,
		AuthTime: accountTime, Expires: accountTime.Add(time.Hour), AMR: []string{"hwk"}}
}

func accountsSessions(t *testing.T, s account.Store) {
	ctx := t.Context()
	is(t, "commit", s.Commit(ctx, enrolled("s")), nil)
	row := session("s", "h1")
	is(t, "put", s.PutSession(ctx, row, accountTime), nil)
	got, err := s.Session(ctx, "h1", accountTime)
	is(t, "session", err, nil)
	same(t, "session", got, row)
	_, err = s.Session(ctx, "h1", row.Expires)
	is(t, "an expired session", err, account.ErrNotFound)
	is(t, "end", s.EndSession(ctx, "h1"), nil)
	_, err = s.Session(ctx, "h1", accountTime)
	is(t, "an ended session", err, account.ErrNotFound)

	is(t, "put", s.PutSession(ctx, session("s", "h4"), accountTime), nil)
	is(t, "put", s.PutSession(ctx, session("s", "h5"), accountTime), nil)
	is(t, "end all of nobody", s.EndSessions(ctx, "nobody", ""), nil)
	is(t, "put", s.PutSession(ctx, session("s", "h6"), accountTime), nil)
	is(t, "end all but one", s.EndSessions(ctx, session("s", "").Citizen, "h5"), nil)
	_, err = s.Session(ctx, "h6", accountTime)
	is(t, "a session beside the one", err, account.ErrNotFound)
	is(t, "put", s.PutSession(ctx, session("s", "h4"), accountTime), nil)
	five, err := s.Session(ctx, "h5", accountTime)
	is(t, "a session of another", err, nil)
	is(t, "end all", s.EndSessions(ctx, five.Citizen, ""), nil)
	for _, hash := range []string{"h4", "h5"} {
		_, err = s.Session(ctx, hash, accountTime)
		is(t, "an ended session", err, account.ErrNotFound)
	}
	is(t, "put", s.PutSession(ctx, session("s", "h2"), accountTime), nil)
	is(t, "remove", s.Commit(ctx, account.Commit{ID: "remove/s", At: accountTime, End: []string{"passkey-s"}}), nil)
	_, err = s.Session(ctx, "h2", accountTime)
	is(t, "a session of a removed passkey", err, account.ErrNotFound)
	is(t, "a new one with it", s.PutSession(ctx, session("s", "h3"), accountTime), account.ErrNotFound)
	is(t, "touch", s.TouchPasskey(ctx, "passkey-s", []byte("{}"), accountTime), account.ErrNotFound)
	back := enrolled("s9")
	back.Passkey.ID = "passkey-s"
	is(t, "its credential id for somebody else", s.Commit(ctx, back), account.ErrConflict)
}

func accountsEndAll(t *testing.T, s account.Store) {
	ctx := t.Context()
	for _, who := range []string{"x", "y"} {
		is(t, "commit", s.Commit(ctx, enrolled(who)), nil)
		is(t, "session", s.PutSession(ctx, session(who, "h-"+who), accountTime), nil)
	}
	c := account.Commit{ID: "replace/x", At: accountTime, EndAll: "citizen-x", Passkey: &account.PasskeyRow{
		ID: "passkey-x2", Citizen: "citizen-x", Credential: []byte("{}"), JWK: []byte("{}"), Added: accountTime, LastUsed: accountTime}}
	is(t, "replace", s.Commit(ctx, c), nil)
	keys, err := s.Passkeys(ctx, "citizen-x")
	is(t, "passkeys", err, nil)
	same(t, "passkeys", keys, []account.PasskeyRow{*c.Passkey})
	_, err = s.Session(ctx, "h-x", accountTime)
	is(t, "the session of the lost device", err, account.ErrNotFound)
	_, err = s.Session(ctx, "h-y", accountTime)
	is(t, "somebody else's session", err, nil)
	is(t, "touch", s.TouchPasskey(ctx, "passkey-x2", []byte(`{"n":2}`), accountTime.Add(time.Second)), nil)
	keys, err = s.Passkeys(ctx, "citizen-x")
	is(t, "passkeys", err, nil)
	same(t, "the touched record", string(keys[0].Credential), `{"n":2}`)
	for seq, id := range map[int64]string{3: "passkey-x0", 2: "passkey-x1"} {
		is(t, "another", s.Commit(ctx, account.Commit{ID: "add/" + id, At: accountTime,
			Event:   &account.EventRow{Citizen: "citizen-x", Seq: seq, Event: []byte(id), Salt: []byte("salt")},
			Passkey: &account.PasskeyRow{ID: id, Citizen: "citizen-x", Credential: []byte(id), JWK: []byte("{}"), Device: "it", Added: accountTime, LastUsed: accountTime.Add(time.Minute)},
		}), nil)
	}
	keys, err = s.Passkeys(ctx, "citizen-x")
	is(t, "passkeys", err, nil)
	events, err := s.Events(ctx, "citizen-x")
	is(t, "events", err, nil)
	allKeys, allEvents, err := s.Keys(ctx, "citizen-x")
	is(t, "both", err, nil)
	same(t, "passkeys beside events, without those that ended", allKeys, keys)
	same(t, "events beside passkeys", allEvents, events)
	same(t, "how many", len(keys)+len(events), 6)
}

func accountsPseudonyms(t *testing.T, s account.Store) {
	ctx := t.Context()
	is(t, "commit", s.Commit(ctx, enrolled("p")), nil)
	is(t, "commit", s.Commit(ctx, enrolled("q")), nil)
	for _, sub := range []string{"sub-1", "sub-2"} { // the first stays
		got, err := s.Pseudonym(ctx, "sector", "citizen-p", sub)
		is(t, "pseudonym", err, nil)
		same(t, "pseudonym", got, "sub-1")
	}
	who, err := s.PseudonymOf(ctx, "sector", "sub-1")
	is(t, "the way back", err, nil)
	same(t, "the way back", who, "citizen-p")
	_, err = s.PseudonymOf(ctx, "other", "sub-1")
	is(t, "in another sector", err, account.ErrNotFound)
	if _, err := s.Pseudonym(ctx, "sector", "citizen-q", "sub-1"); err == nil {
		t.Error("two citizens share a pseudonym")
	}
	_, err = s.Pseudonym(ctx, "sector", "citizen-none", "sub-3")
	is(t, "of nobody", err, account.ErrNotFound)
	_, err = s.PseudonymOf(ctx, "sector", "sub-3")
	is(t, "nobody has it", err, account.ErrNotFound)
}

func accountsBudgets(t *testing.T, s account.Store) {
	ctx := t.Context()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := s.Spend(ctx, "n", accountTime, 1); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	sum, err := s.Spend(ctx, "n", accountTime, -3)
	is(t, "spend", err, nil)
	same(t, "sum", sum, int64(5))
	sum, err = s.Spend(ctx, "n", accountTime.Add(time.Minute), 1)
	is(t, "spend", err, nil)
	same(t, "the next window", sum, int64(1))
	sum, err = s.Spend(ctx, "m", accountTime.Add(time.Minute), 1)
	is(t, "spend", err, nil)
	same(t, "another name", sum, int64(1))
}
