package dpop_test

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/dpop"
)

//clause:as RFC 9449: proof at token and resource, nonce, jkt binding, replay
func TestReplay(t *testing.T) {
	t.Run("it lets one of many at once pass", func(t *testing.T) {
		p := policy()
		proof, err := maker(t).Proof(http.MethodGet, target, "", "")
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		passed := make(chan bool, 16)
		for range 16 {
			group.Go(func() {
				_, err := dpop.Check(request(http.MethodGet, proof), p)
				passed <- err == nil
			})
		}
		group.Wait()
		close(passed)
		n := 0
		for ok := range passed {
			if ok {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d passed", n)
		}
	})
	t.Run("it lets nobody spend another's jti", func(t *testing.T) {
		p := policy()
		for range 2 {
			key := newKey(t)
			h := map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: key.Public()}}
			proof := made(t, jose.ES256, key, h, map[string]any{"jti": "same", "htm": "GET", "htu": target, "iat": at.Unix()})
			if _, err := dpop.Check(request(http.MethodGet, proof), p); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("it remembers until the proof is too old to be shown again", func(t *testing.T) {
		clock := at
		p := policy()
		p.Now = func() time.Time { return clock }
		p.Replay = &dpop.Memory{Now: p.Now}
		m := maker(t)
		m.Now = func() time.Time { return at.Add(10 * time.Second) }
		proof, err := m.Proof(http.MethodGet, target, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dpop.Check(request(http.MethodGet, proof), p); err != nil {
			t.Fatal(err)
		}
		for clock = at; clock.Before(at.Add(70 * time.Second)); clock = clock.Add(5 * time.Second) {
			wants(t, request(http.MethodGet, proof), p, "replay")
		}
		clock = at.Add(71 * time.Second)
		wants(t, request(http.MethodGet, proof), p, "iat")
	})
	t.Run("it refuses what is new rather than forget what is old", func(t *testing.T) {
		m := &dpop.Memory{Now: now}
		for n := range 1 << 16 {
			if err := m.Once(t.Context(), strconv.Itoa(n), at.Add(time.Minute)); err != nil {
				t.Fatal(n, err)
			}
		}
		if m.Once(t.Context(), "more", at.Add(time.Minute)) == nil {
			t.Error("took more")
		}
		if !errors.Is(m.Once(t.Context(), "0", at.Add(time.Minute)), dpop.ErrReplayed) {
			t.Error("forgot")
		}
	})
	t.Run("it forgets what is over", func(t *testing.T) {
		clock := at
		m := &dpop.Memory{Now: func() time.Time { return clock }}
		if err := m.Once(t.Context(), "a", at.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		clock = at.Add(time.Minute)
		if err := m.Once(t.Context(), "a", clock.Add(time.Second)); err != nil {
			t.Error(err)
		}
	})
}
