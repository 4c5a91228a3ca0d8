package statuslist

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"
)

// broken is a Memory whose writes are lost, or kept but called lost.
type broken struct {
	InMemory
	kept bool
	fail bool
}

func (b *broken) Remember(ctx context.Context, uri string, at time.Time) (time.Time, error) {
	if !b.fail {
		return b.InMemory.Remember(ctx, uri, at)
	}
	if b.kept {
		_, _ = b.InMemory.Remember(ctx, uri, at)
	}
	return time.Time{}, errors.New("connection reset")
}

//clause:status ours: an older list that is served again is refused by name, and found by a monitor in each form
func TestClientRefusesRollback(t *testing.T) {
	h, key, clock := newHost(t), newKey(t), now
	memory := &InMemory{}
	newClient := func() *Client {
		return &Client{Development: true, Now: func() time.Time { return clock }, Memory: memory}
	}
	ref := Reference{URI: h.URL + "/list", Index: 5}
	old := Token{IssuedAt: now, Expires: now.Add(15 * time.Minute), TTL: 10 * time.Second, List: listOf(t)}
	fresh := Token{IssuedAt: now.Add(2 * time.Minute), Expires: now.Add(17 * time.Minute), TTL: 10 * time.Second, List: listOf(t, 5)}

	client := newClient()
	h.serve(t, key, old)
	if got, err := client.Status(t.Context(), ref, trusts(key)); err != nil || got != Valid {
		t.Fatalf("%d, %v", got, err)
	}
	clock = now.Add(2 * time.Minute)
	h.serve(t, key, fresh)
	if got, err := client.Status(t.Context(), ref, trusts(key)); err != nil || got != Invalid {
		t.Fatalf("%d, %v", got, err)
	}
	clock = now.Add(3 * time.Minute)
	h.serve(t, key, old)
	if _, err := client.Status(t.Context(), ref, trusts(key)); !errors.Is(err, ErrRollback) {
		t.Errorf("it refuses an older list that is served again: %v", err)
	}
	if _, err := newClient().Status(t.Context(), ref, trusts(key)); !errors.Is(err, ErrRollback) {
		t.Errorf("it remembers across clients that share a memory: %v", err)
	}
	if _, err := client.Status(t.Context(), ref, trusts(newKey(t))); !errors.Is(err, ErrUntrusted) {
		t.Errorf("it remembers nothing of whom nobody trusts: %v", err)
	}
	again := fresh
	again.IssuedAt = fresh.IssuedAt.Add(-rollbackSlack)
	h.serve(t, key, again)
	if got, err := client.Status(t.Context(), ref, trusts(key)); err != nil || got != Invalid {
		t.Errorf("it takes what another replica signed a little before: %d, %v", got, err)
	}
}

// A list that is a little older does not undo what a newer one said.
func TestClientKeepsTheNewer(t *testing.T) {
	h, key, clock := newHost(t), newKey(t), now
	client := &Client{Development: true, Now: func() time.Time { return clock }}
	ref := Reference{URI: h.URL + "/list", Index: 5}
	h.serve(t, key, Token{IssuedAt: now, Expires: now.Add(time.Hour), TTL: 5 * time.Second, List: listOf(t, 5)})
	for _, at := range []time.Duration{0, 5 * time.Second} {
		clock = now.Add(at)
		if got, err := client.Status(t.Context(), ref, trusts(key)); err != nil || got != Invalid {
			t.Fatalf("%d, %v", got, err)
		}
		h.serve(t, key, Token{IssuedAt: now.Add(-time.Second), Expires: now.Add(time.Hour), TTL: 5 * time.Second, List: listOf(t)})
	}
}

// Nor does one of a clock that was ahead hide what is revoked since: once its ttl is
// over, the answer is as new as what was fetched.
func TestClientBelievesTheWorseOfTwoClocks(t *testing.T) {
	h, key, clock := newHost(t), newKey(t), now
	client := &Client{Development: true, Now: func() time.Time { return clock }}
	ref := Reference{URI: h.URL + "/list", Index: 5}
	ask := func(at time.Duration, want Status) {
		t.Helper()
		clock = now.Add(at)
		if got, err := client.Status(t.Context(), ref, trusts(key)); err != nil || got != want {
			t.Errorf("after %s: %d, %v", at, got, err)
		}
	}
	h.serve(t, key, Token{IssuedAt: now.Add(40 * time.Second), Expires: now.Add(time.Hour), TTL: 10 * time.Second, List: listOf(t)})
	ask(0, Valid)
	h.serve(t, key, Token{IssuedAt: now.Add(9 * time.Second), Expires: now.Add(time.Hour), TTL: 10 * time.Second, List: listOf(t, 5)})
	ask(9*time.Second, Valid)
	for _, at := range []time.Duration{10 * time.Second, 11 * time.Second} {
		ask(at, Invalid)
	}
	h.serve(t, key, Token{IssuedAt: now.Add(41 * time.Second), Expires: now.Add(time.Hour), TTL: 10 * time.Second, List: listOf(t)})
	ask(41*time.Second, Valid)
}

func TestClientWithoutMemoryBelievesNothing(t *testing.T) {
	h, key := newHost(t), newKey(t)
	for _, kept := range []bool{false, true} {
		memory := &broken{kept: kept, fail: true}
		client := &Client{Development: true, Now: func() time.Time { return now }, Memory: memory}
		h.serve(t, key, Token{IssuedAt: now, List: listOf(t)})
		ref := Reference{URI: h.URL + "/list"}
		if _, err := client.Status(t.Context(), ref, trusts(key)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("kept=%v: it believes a list that it cannot remember: %v", kept, err)
		}
		memory.fail = false
		if _, err := client.Status(t.Context(), ref, trusts(key)); err != nil {
			t.Errorf("kept=%v: it asks again: %v", kept, err)
		}
	}
}

func TestInMemoryForgetsTheOldest(t *testing.T) {
	m := &InMemory{}
	for i := range maxRemembered + 1 {
		if _, err := m.Remember(t.Context(), strconv.Itoa(i), now.Add(time.Duration(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, known := m.newest["0"]; known || len(m.newest) != maxRemembered {
		t.Errorf("it holds %d", len(m.newest))
	}
}
