package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// registeredAt is when.
var registeredAt = time.Unix(1_900_000_000, 0)

func initialToken(t *testing.T, s registry.Store, hash string, uses int64) {
	t.Helper()
	token := registry.InitialToken{Hash: hash, Uses: uses, Scopes: []string{"openid", "x"}, Expires: registeredAt.Add(time.Hour)}
	is(t, "put "+hash, s.PutInitial(t.Context(), token, registeredAt), nil)
}

func selfMade(id, token string) registry.Registration {
	return registry.Registration{Client: registry.Client{ID: id, Dynamic: true, Scopes: []string{"openid"}}, Token: token, Scopes: []string{"openid", "x"}}
}

// registrations is the life of clients that registered themselves, as rows.
func registrations(t *testing.T, s registry.Store) {
	ctx, now := t.Context(), registeredAt
	initialToken(t, s, "initial", 2)
	got, err := s.Initial(ctx, "initial", now)
	is(t, "initial", err, nil)
	same(t, "uses", got.Uses, int64(2))
	same(t, "scopes", got.Scopes, []string{"openid", "x"})
	for _, hash := range append([]string{"none"}, unstorable...) {
		_, err := s.Initial(ctx, hash, now)
		is(t, "no initial", err, registry.ErrNotAllowed)
		_, err = s.Registration(ctx, hash, "t")
		is(t, "no registration", err, registry.ErrUnknown)
	}
	_, err = s.Initial(ctx, "initial", now.Add(time.Hour))
	is(t, "over", err, registry.ErrNotAllowed)
	is(t, "register when it is over", s.Register(ctx, "initial", now.Add(time.Hour), selfMade("late", "t")), registry.ErrNotAllowed)
	is(t, "register by none", s.Register(ctx, "none", now, selfMade("late", "t")), registry.ErrNotAllowed)
	is(t, "add", s.AddClient(ctx, registry.Client{ID: "operator's"}), nil)
	is(t, "register what is another's", s.Register(ctx, "initial", now, selfMade("operator's", "t")), registry.ErrTaken)
	got, err = s.Initial(ctx, "initial", now)
	is(t, "initial", err, nil)
	same(t, "uses after what failed", got.Uses, int64(2))
	won := atOnce(t, registry.ErrNotAllowed, func(n int) error {
		return s.Register(ctx, "initial", now, selfMade(fmt.Sprint("self", n), fmt.Sprint("token", n)))
	})
	same(t, "registered at once", won, 2)
	_, err = s.Initial(ctx, "initial", now)
	is(t, "used up", err, registry.ErrNotAllowed)
	_, err = s.Client(ctx, "late")
	is(t, "who was refused", err, registry.ErrUnknown)
	managed(t, s)
}

// managed is the life of one of them, by its own token.
func managed(t *testing.T, s registry.Store) {
	ctx, now := t.Context(), registeredAt
	initialToken(t, s, "second", 1)
	is(t, "register", s.Register(ctx, "second", now, selfMade("own", "mine")), nil)
	c, err := s.Client(ctx, "own")
	is(t, "client", err, nil)
	same(t, "dynamic", c.Dynamic, true)
	r, err := s.Registration(ctx, "own", "mine")
	is(t, "registration", err, nil)
	same(t, "its client", r.Client.ID, "own")
	same(t, "its scopes", r.Scopes, []string{"openid", "x"})
	_, err = s.Registration(ctx, "own", "another's")
	is(t, "by another's token", err, registry.ErrUnknown)
	_, err = s.Registration(ctx, "operator's", "mine")
	is(t, "of the operator's", err, registry.ErrUnknown)
	changed := c
	changed.URI = "https://new"
	is(t, "change by another's token", s.Reregister(ctx, "another's", changed), registry.ErrUnknown)
	is(t, "change", s.Reregister(ctx, "mine", changed), nil)
	c, err = s.Client(ctx, "own")
	is(t, "client", err, nil)
	same(t, "changed", c.URI, "https://new")
	is(t, "end by another's token", s.Unregister(ctx, "own", "another's"), registry.ErrUnknown)
	is(t, "end", s.Unregister(ctx, "own", "mine"), nil)
	is(t, "end again", s.Unregister(ctx, "own", "mine"), registry.ErrUnknown)
	is(t, "end of what no row can hold", s.Unregister(ctx, "a\x00b", "mine"), registry.ErrUnknown)
	is(t, "change what ended", s.Reregister(ctx, "mine", changed), registry.ErrUnknown)
	_, err = s.Client(ctx, "own")
	is(t, "what ended", err, registry.ErrUnknown)
	is(t, "its id again", s.AddClient(ctx, registry.Client{ID: "own"}), registry.ErrTaken)

	initialToken(t, s, "old", 5)
	is(t, "put another, later", s.PutInitial(ctx, registry.InitialToken{Hash: "new", Uses: 1, Expires: now.Add(3 * time.Hour)}, now.Add(2*time.Hour)), nil)
	_, err = s.Initial(ctx, "old", now)
	is(t, "swept", err, registry.ErrNotAllowed)
}
