package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// OAuth is what every oauth.Store must do. s is empty.
func OAuth(t *testing.T, s oauth.Store) {
	t.Run("it answers ErrGone for what is not there", func(t *testing.T) { oauthEmpty(t, s) })
	t.Run("it lets a thing be used once, by one of many at once", func(t *testing.T) { oauthOnce(t, s) })
	t.Run("it gives a pushed request to one caller, its client, in time", func(t *testing.T) { oauthPushed(t, s) })
	t.Run("it changes a request for one of two writers", func(t *testing.T) { oauthRequest(t, s) })
	t.Run("it ends a request in one code", func(t *testing.T) { oauthFinish(t, s) })
	t.Run("it redeems a code once, by one of many at once, and keeps nothing of the others", func(t *testing.T) { oauthRedeem(t, s) })
	t.Run("it rotates a refresh token once", func(t *testing.T) { oauthRotate(t, s) })
	t.Run("it ends a grant with all its tokens", func(t *testing.T) { oauthRevoke(t, s) })
	t.Run("it ends every grant of a citizen, and nobody else's", func(t *testing.T) { oauthCitizen(t, s) })
	t.Run("it ends with a citizen's grants the codes and answers that nobody redeemed yet", func(t *testing.T) { oauthCitizenUnredeemed(t, s) })
	oauthDevices(t, s)
	oauthLogins(t, s)
	t.Run("it sweeps what has expired, and keeps the rest", func(t *testing.T) { oauthSweep(t, s) })
}

// oauthTime is a fixed clock, in whole milliseconds as rows keep it.
var oauthTime = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func authorization() oauth.Authorization {
	age := int64(60)
	return oauth.Authorization{
		ClientID: "client", RedirectURI: "https://client.example/cb?a=b", State: "st", Nonce: "no", CodeChallenge: "ch",
		JKT: "jkt", Scopes: []string{"openid"}, Refs: map[string]string{"type": "ref"}, Prompt: []string{"login"},
		MaxAge: &age, UILocales: []string{"ko"}, LoginHint: "hint", Instance: "instance",
	}
}

func grantOf(id, citizen string) oauth.Grant {
	return oauth.Grant{
		ID: id, Client: "client", Citizen: citizen, Subject: "sub", Scopes: []string{"openid"},
		Refs: map[string]string{"type": "ref"}, Ref: "offer", JKT: "jkt", AuthTime: oauthTime, AMR: []string{"hwk"},
		Expires: oauthTime.Add(time.Hour), Instance: "instance",
	}
}

func tokensOf(id string) oauth.Tokens {
	return oauth.Tokens{
		Access:  oauth.AccessToken{JTI: id, Scopes: []string{"openid"}, Audience: "aud", JKT: "jkt", Expires: oauthTime.Add(time.Minute)},
		Refresh: &oauth.RefreshToken{Hash: id, Expires: oauthTime.Add(time.Hour)},
	}
}

// atOnce runs f eight times at once and says how many calls gave nil; every
// other must give want.
func atOnce(t *testing.T, want error, f func(n int) error) int {
	t.Helper()
	var won atomic.Int64
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			err := f(n)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, want) {
				t.Errorf("lost with %v, want %v", err, want)
			}
		})
	}
	group.Wait()
	return int(won.Load())
}

func oauthEmpty(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	for _, odd := range unstorable {
		_, err := s.Request(ctx, odd, oauthTime)
		is(t, "request", err, oauth.ErrGone)
		_, _, err = s.Token(ctx, odd, oauthTime)
		is(t, "token", err, oauth.ErrGone)
		_, err = s.TakePushed(ctx, "none", odd, oauthTime)
		is(t, "pushed", err, oauth.ErrGone)
	}
	_, err := s.TakePushed(ctx, "none", "client", oauthTime)
	is(t, "pushed", err, oauth.ErrGone)
	_, err = s.Request(ctx, "none", oauthTime)
	is(t, "request", err, oauth.ErrGone)
	is(t, "update", s.UpdateRequest(ctx, oauth.Request{ID: "none"}), oauth.ErrConflict)
	is(t, "finish", s.FinishRequest(ctx, "none", 0, nil), oauth.ErrGone)
	_, err = s.Code(ctx, "none")
	is(t, "code", err, oauth.ErrGone)
	_, _, err = s.Refresh(ctx, "none")
	is(t, "refresh", err, oauth.ErrGone)
	_, _, err = s.Token(ctx, "none", oauthTime)
	is(t, "token", err, oauth.ErrGone)
	is(t, "tokens of no grant", s.PutTokens(ctx, "none", tokensOf("x")), oauth.ErrGone)
	is(t, "revoke", s.RevokeGrant(ctx, "none"), nil)
	is(t, "revoke token", s.RevokeToken(ctx, "none"), nil)
	is(t, "revoke citizen", s.RevokeCitizen(ctx, "none"), nil)
}

func oauthOnce(t *testing.T, s oauth.Store) {
	until := oauthTime.Add(time.Minute)
	won := atOnce(t, oauth.ErrUsed, func(int) error { return s.Once(t.Context(), "scope", "key", until) })
	same(t, "winners", won, 1)
	is(t, "another scope", s.Once(t.Context(), "other", "key", until), nil)
	is(t, "another key", s.Once(t.Context(), "scope", "other", until), nil)
}

func oauthPushed(t *testing.T, s oauth.Store) {
	p := oauth.Pushed{Hash: "uri", Client: "client", Request: authorization(), Expires: oauthTime.Add(time.Minute)}
	is(t, "put", s.PutPushed(t.Context(), p), nil)
	_, err := s.TakePushed(t.Context(), "uri", "another", oauthTime)
	is(t, "another client's", err, oauth.ErrGone)
	_, err = s.TakePushed(t.Context(), "uri", "client", p.Expires)
	is(t, "too late", err, oauth.ErrGone)
	won := atOnce(t, oauth.ErrGone, func(int) error {
		got, err := s.TakePushed(t.Context(), "uri", "client", oauthTime)
		if err == nil {
			same(t, "request", got.Request, p.Request)
		}
		return err
	})
	same(t, "winners", won, 1)
}

func newRequest(id string) oauth.Request {
	return oauth.Request{
		ID: id, Authorization: authorization(), Browser: "browser", Done: map[string]bool{},
		Created: oauthTime, Expires: oauthTime.Add(time.Minute),
	}
}

func oauthRequest(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	r := newRequest("changed")
	is(t, "put", s.PutRequest(ctx, r), nil)
	got, err := s.Request(ctx, "changed", oauthTime)
	is(t, "get", err, nil)
	same(t, "request", got, r)
	got.Citizen, got.Done = "ada", map[string]bool{"approval": true}
	is(t, "update", s.UpdateRequest(ctx, got), nil)
	is(t, "second writer", s.UpdateRequest(ctx, got), oauth.ErrConflict)
	again, err := s.Request(ctx, "changed", oauthTime)
	is(t, "get", err, nil)
	got.Version++
	same(t, "request", again, got)
	_, err = s.Request(ctx, "changed", r.Expires)
	is(t, "too late", err, oauth.ErrGone)
}

func codeOf(hash string) *oauth.Code {
	return &oauth.Code{
		Hash: hash, Authorization: authorization(), Grant: "grant of " + hash, Citizen: "ada",
		AuthTime: oauthTime, AMR: []string{"hwk"}, Expires: oauthTime.Add(time.Minute),
	}
}

func oauthFinish(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	is(t, "put", s.PutRequest(ctx, newRequest("finished")), nil)
	is(t, "old version", s.FinishRequest(ctx, "finished", 7, codeOf("never")), oauth.ErrGone)
	won := atOnce(t, oauth.ErrGone, func(n int) error {
		return s.FinishRequest(ctx, "finished", 0, codeOf(fmt.Sprint("finish", n)))
	})
	same(t, "winners", won, 1)
	codes := 0
	for n := range 8 {
		c, err := s.Code(ctx, fmt.Sprint("finish", n))
		if err == nil {
			codes++
			same(t, "code", c, *codeOf(fmt.Sprint("finish", n)))
		}
	}
	same(t, "codes", codes, 1)
	_, err := s.Code(ctx, "never")
	is(t, "code of an old version", err, oauth.ErrGone)
}

func oauthRedeem(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	is(t, "put", s.PutRequest(ctx, newRequest("redeemed")), nil)
	is(t, "finish", s.FinishRequest(ctx, "redeemed", 0, codeOf("code")), nil)
	won := atOnce(t, oauth.ErrUsed, func(n int) error {
		return s.Redeem(ctx, "code", grantOf("grant of code", "ada"), tokensOf(fmt.Sprint("redeem", n)))
	})
	same(t, "winners", won, 1)
	tokens := 0
	for n := range 8 {
		row, g, err := s.Token(ctx, fmt.Sprint("redeem", n), oauthTime)
		if err != nil {
			continue
		}
		tokens++
		same(t, "token", row, tokensOf(fmt.Sprint("redeem", n)).Access)
		same(t, "grant", g, grantOf("grant of code", "ada"))
	}
	same(t, "tokens", tokens, 1)
	c, err := s.Code(ctx, "code")
	is(t, "code", err, nil)
	same(t, "used", c.Used, true)
}

func oauthRotate(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	is(t, "put", s.PutGrant(ctx, grantOf("rotating", "ada"), tokensOf("rotate")), nil)
	won := atOnce(t, oauth.ErrUsed, func(n int) error {
		return s.Rotate(ctx, "rotate", "rotating", tokensOf(fmt.Sprint("rotated", n)))
	})
	same(t, "winners", won, 1)
	row, g, err := s.Refresh(ctx, "rotate")
	is(t, "refresh", err, nil)
	same(t, "used", row.Used, true)
	same(t, "grant", g, grantOf("rotating", "ada"))
	successors := 0
	for n := range 8 {
		if row, _, err := s.Refresh(ctx, fmt.Sprint("rotated", n)); err == nil {
			successors++
			same(t, "used", row.Used, false)
			same(t, "expires", row.Expires.Equal(oauthTime.Add(time.Hour)), true)
		}
	}
	same(t, "successors", successors, 1)
}

func oauthRevoke(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	is(t, "put", s.PutGrant(ctx, grantOf("ending", "ada"), tokensOf("end1")), nil)
	is(t, "put more", s.PutTokens(ctx, "ending", oauth.Tokens{Access: tokensOf("end2").Access}), nil)
	_, _, err := s.Token(ctx, "end2", oauthTime.Add(time.Minute))
	is(t, "expired token", err, oauth.ErrGone)
	is(t, "revoke one", s.RevokeToken(ctx, "end1"), nil)
	_, _, err = s.Token(ctx, "end1", oauthTime)
	is(t, "revoked token", err, oauth.ErrGone)
	_, _, err = s.Token(ctx, "end2", oauthTime)
	is(t, "the other token", err, nil)
	is(t, "revoke all", s.RevokeGrant(ctx, "ending"), nil)
	_, _, err = s.Token(ctx, "end2", oauthTime)
	is(t, "token of a revoked grant", err, oauth.ErrGone)
	_, g, err := s.Refresh(ctx, "end1")
	is(t, "refresh of a revoked grant", err, nil)
	same(t, "revoked", g.Revoked, true)
	is(t, "more tokens", s.PutTokens(ctx, "ending", tokensOf("end3")), oauth.ErrGone)
	is(t, "rotation", s.Rotate(ctx, "end1", "ending", tokensOf("end4")), oauth.ErrGone)
}

func oauthCitizen(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	is(t, "put", s.PutGrant(ctx, grantOf("lost1", "lost"), tokensOf("lost1")), nil)
	is(t, "put", s.PutGrant(ctx, grantOf("lost2", "lost"), tokensOf("lost2")), nil)
	is(t, "put", s.PutGrant(ctx, grantOf("kept", "other"), tokensOf("kept")), nil)
	is(t, "revoke", s.RevokeCitizen(ctx, "lost"), nil)
	for _, jti := range []string{"lost1", "lost2"} {
		_, _, err := s.Token(ctx, jti, oauthTime)
		is(t, jti, err, oauth.ErrGone)
	}
	_, _, err := s.Token(ctx, "kept", oauthTime)
	is(t, "another's", err, nil)
}

// oauthCitizenUnredeemed: what was agreed to and not fetched ends too.
func oauthCitizenUnredeemed(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	for _, citizen := range []string{"robbed", "other"} {
		r := newRequest("code-" + citizen)
		is(t, "request", s.PutRequest(ctx, r), nil)
		code := oauth.Code{Hash: "code-" + citizen, Grant: "of-code-" + citizen, Citizen: citizen, Expires: oauthTime.Add(time.Minute)}
		is(t, "code", s.FinishRequest(ctx, r.ID, 0, &code), nil)
		r = newRequest("device-" + citizen)
		is(t, "request", s.PutRequest(ctx, r), nil)
		d := oauth.Device{Hash: "device-" + citizen, User: "user-" + citizen, State: oauth.DevicePending, Expires: oauthTime.Add(time.Minute)}
		is(t, "device", s.PutDevice(ctx, d), nil)
		is(t, "answer", s.AnswerDevice(ctx, r.ID, 0, d.Hash, &oauth.DeviceAnswer{Citizen: citizen}, oauthTime), nil)
	}
	is(t, "revoke", s.RevokeCitizen(ctx, "robbed"), nil)
	is(t, "a code", s.Redeem(ctx, "code-robbed", grantOf("late1", "robbed"), tokensOf("late1")), oauth.ErrUsed)
	is(t, "an answer", s.RedeemDevice(ctx, "device-robbed", grantOf("late2", "robbed"), tokensOf("late2")), oauth.ErrUsed)
	d, err := s.Device(ctx, "device-robbed")
	is(t, "device", err, nil)
	same(t, "state", d.State, oauth.DeviceDenied)
	is(t, "another's code", s.Redeem(ctx, "code-other", grantOf("early1", "other"), tokensOf("early1")), nil)
	is(t, "another's answer", s.RedeemDevice(ctx, "device-other", grantOf("early2", "other"), tokensOf("early2")), nil)
}

func oauthSweep(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	is(t, "once", s.Once(ctx, "sweep", "old", oauthTime.Add(-3*time.Hour)), nil)
	is(t, "once", s.Once(ctx, "sweep", "over", oauthTime.Add(-time.Hour)), nil)
	is(t, "once", s.Once(ctx, "sweep", "new", oauthTime.Add(time.Second)), nil)
	is(t, "put", s.PutGrant(ctx, grantOf("sweep", "ada"), tokensOf("sweep")), nil)
	is(t, "put", s.PutRequest(ctx, newRequest("swept")), nil)
	is(t, "finish", s.FinishRequest(ctx, "swept", 0, codeOf("sweep code")), nil)
	is(t, "sweep", s.Sweep(ctx, oauthTime), nil)
	is(t, "old", s.Once(ctx, "sweep", "old", oauthTime), nil)
	is(t, "over, should the clock be set back", s.Once(ctx, "sweep", "over", oauthTime), oauth.ErrUsed)
	is(t, "new", s.Once(ctx, "sweep", "new", oauthTime), oauth.ErrUsed)
	_, _, err := s.Token(ctx, "sweep", oauthTime)
	is(t, "token", err, nil)
	is(t, "sweep", s.Sweep(ctx, oauthTime.Add(10*time.Minute)), nil)
	_, err = s.Code(ctx, "sweep code")
	is(t, "a code within the day", err, nil)
	is(t, "sweep", s.Sweep(ctx, oauthTime.Add(48*time.Hour)), nil)
	_, err = s.Code(ctx, "sweep code")
	is(t, "a code of yesterday", err, oauth.ErrGone)
}
