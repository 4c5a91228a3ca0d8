package consent_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

const ada, bea = "resident-01", "resident-07"

func world(t *testing.T) (*consenttest.World, *consenttest.Passkey) {
	t.Helper()
	w := consenttest.New()
	w.People.Enrol(bea)
	return w, w.People.Enrol(ada)
}

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// check wants a refusal that names this check.
func check(t *testing.T, what string, err error, name string) {
	t.Helper()
	if c, found := errors.AsType[*consent.CheckError](err); found && c.Check == name {
		return
	}
	if c, found := errors.AsType[*approval.CheckError](err); found && c.Check == name {
		return
	}
	t.Errorf("%s: %v, want a refusal of %q", what, err, name)
}

// says also wants the words of the very rule: another of the same check may
// refuse the same.
func says(t *testing.T, what string, err error, name, words string) {
	t.Helper()
	check(t, what, err, name)
	if err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want %q", what, err, words)
	}
}

func TestStory(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
	ok(t, "request", err)
	if r.State != consent.StateRequested {
		t.Fatalf("state %s", r.State)
	}
	offer, err := w.Ledger.Offer(ctx, r.Grant, ada, "ko")
	ok(t, "offer", err)
	if len(offer.Terms.Claims) != 3 || offer.Terms.Purpose.Text != "운전면허 갱신" || offer.Terms.Provider.Name != "국민건강보험 (데모)" {
		t.Errorf("the offer shows %+v", offer.Terms)
	}
	r, err = w.Approve(ctx, r.Grant, ada, passkey, "vision_ok", "hearing_ok")
	ok(t, "grant", err)
	if r.State != consent.StateActive || len(r.Agreed.Claims) != 2 || len(r.Agreed.Fields) != 3 {
		t.Fatalf("granted %+v", r)
	}
	next, err := w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	ok(t, "next use", err)
	if next.Use != 1 || consent.SubjectCommitment(next.SubjectSalt, sub(t, w, ada, w.Provider.ID)) != next.Terms.Subjects.Provider {
		t.Error("the salt does not open the provider's commitment")
	}
	commit := w.Commit(r, 1, nil)
	promise, err := w.Ledger.Use(ctx, commit)
	ok(t, "use 1", err)
	claims, err := consent.OpenPromise(promise, w.Trust.HubKeys)
	ok(t, "promise", err)
	if claims.Commit != consent.DigestOf(commit) || claims.Use != 1 || claims.Audience != w.Provider.ID || claims.Deadline-claims.IssuedAt != 60 {
		t.Errorf("promise %+v", claims)
	}
	r, err = w.Ledger.Received(ctx, w.Received(r, 1, commit, nil))
	ok(t, "received", err)
	if r.Uses[0].Received.IsZero() {
		t.Error("the countersignature left no trace")
	}
	r, err = w.Ledger.Withdraw(ctx, r.Grant, ada)
	ok(t, "withdraw", err)
	_, err = w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	is(t, "token after withdrawal", err, consent.ErrWithdrawn)
	_, err = w.Ledger.Use(ctx, w.Commit(r, 2, nil))
	is(t, "commit after withdrawal", err, consent.ErrWithdrawn)
	_, err = w.Ledger.Use(ctx, commit)
	ok(t, "the earlier commit again", err)
	history, err := w.Ledger.History(ctx, ada)
	ok(t, "history", err)
	var kinds []string
	for _, entry := range slices.Backward(history) {
		kinds = append(kinds, string(entry.Event.Kind))
	}
	if got := strings.Join(kinds, " "); got != "requested granted used received withdrawn" {
		t.Errorf("history: %s", got)
	}
}

func sub(t *testing.T, w *consenttest.World, citizen, sector string) string {
	t.Helper()
	s, err := w.People.Pairwise(t.Context(), citizen, sector)
	ok(t, "pairwise", err)
	return s
}

func TestNobodyElse(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r, err := w.Ledger.Request(ctx, w.Request(ada, nil))
	ok(t, "request", err)
	_, err = w.Ledger.Offer(ctx, r.Grant, bea, "ko")
	is(t, "it shows nobody else's request", err, consent.ErrForeign)
	_, err = w.Ledger.Propose(ctx, r.Grant, bea, consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"})
	is(t, "it proposes to nobody else", err, consent.ErrForeign)
	_, err = w.Ledger.Deny(ctx, r.Grant, bea)
	is(t, "it lets nobody else deny", err, consent.ErrForeign)
	_, err = w.Ledger.Grant(ctx, r.Grant, bea, passkey.Sign([32]byte{}))
	is(t, "it lets nobody else grant", err, consent.ErrForeign)
	_, err = w.Ledger.Withdraw(ctx, r.Grant, ada)
	is(t, "it withdraws nothing that was not granted", err, consent.ErrPending)
	stranger := w.People.Enrol(bea)
	_, err = w.Approve(ctx, r.Grant, ada, stranger, "vision_ok", "hearing_ok")
	check(t, "it takes nobody else's passkey", err, "passkey")
	r, err = w.Approve(ctx, r.Grant, ada, passkey, "vision_ok", "hearing_ok")
	ok(t, "grant", err)
	_, err = w.Ledger.Withdraw(ctx, r.Grant, bea)
	is(t, "it lets nobody else withdraw", err, consent.ErrForeign)
	_, err = w.Ledger.Withdraw(ctx, r.Grant, "")
	is(t, "it lets nobody withdraw", err, consent.ErrForeign)
	_, err = w.Ledger.Withdraw(ctx, "nowhere", ada)
	is(t, "it withdraws nothing that there is not", err, consent.ErrUnknown)
	_, err = w.Ledger.Pause(ctx, r.Grant, bea, "x")
	is(t, "it lets nobody else pause", err, consent.ErrForeign)
	_, err = w.Ledger.NextUse(ctx, r.Grant, "")
	is(t, "it gives no client a token", err, consent.ErrForeign)
	_, err = w.Ledger.NextUse(ctx, r.Grant, "other-client")
	is(t, "it gives no other client a token", err, consent.ErrForeign)
	_, err = w.Ledger.Notice(ctx, r.Grant, bea)
	is(t, "it shows nobody else's notice", err, consent.ErrForeign)
}

func TestUseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *consenttest.World, r consent.Record) error
		bend    func(*consent.CommitClaims)
		use     int
		want    string
		is      error
	}{
		"it refuses a skipped number":  {use: 2, is: consent.ErrUseTaken},
		"it refuses another provider":  {use: 1, want: "commit signature", bend: func(c *consent.CommitClaims) { c.Issuer = "urn:mydata:agency:other" }},
		"it refuses another hub's":     {use: 1, want: "aud", bend: func(c *consent.CommitClaims) { c.Audience = "https://other.example" }},
		"it refuses an old commit":     {use: 1, want: "iat", bend: func(c *consent.CommitClaims) { c.IssuedAt -= 600 }},
		"it refuses a future commit":   {use: 1, want: "iat", bend: func(c *consent.CommitClaims) { c.IssuedAt += 600 }},
		"it refuses other terms":       {use: 1, want: "terms digest", bend: func(c *consent.CommitClaims) { c.Terms = consent.DigestOf("other") }},
		"it refuses an unknown grant":  {use: 1, is: consent.ErrUnknown, bend: func(c *consent.CommitClaims) { c.GrantID = "nothing" }},
		"it refuses a missing nonce":   {use: 1, want: "commit", bend: func(c *consent.CommitClaims) { c.Nonce = "" }},
		"it refuses a digest of stray": {use: 1, want: "commit", bend: func(c *consent.CommitClaims) { c.Plaintext = "x" }},
		"it refuses while paused": {use: 1, is: consent.ErrPaused, prepare: func(w *consenttest.World, r consent.Record) error {
			return w.Ledger.PauseAll(context.Background(), ada, "lost_phone")
		}},
		"it refuses after the grant's time, though no event says so": {use: 1, is: consent.ErrExpired, prepare: func(w *consenttest.World, r consent.Record) error {
			w.Pass(31 * 24 * time.Hour)
			return nil
		}},
		"it refuses a third use of two": {use: 3, is: consent.ErrConsumed, prepare: func(w *consenttest.World, r consent.Record) error {
			_, err1 := w.Ledger.Use(context.Background(), w.Commit(r, 1, nil))
			_, err2 := w.Ledger.Use(context.Background(), w.Commit(r, 2, nil))
			return errors.Join(err1, err2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, passkey := world(t)
			r := w.Granted(t.Context(), ada, passkey)
			if c.prepare != nil {
				ok(t, "prepare", c.prepare(w, r))
			}
			_, err := w.Ledger.Use(t.Context(), w.Commit(r, c.use, c.bend))
			if c.is != nil {
				is(t, name, err, c.is)
				return
			}
			check(t, name, err, c.want)
		})
	}
}

func TestOnlyTheProviderCommits(t *testing.T) {
	w, passkey := world(t)
	r := w.Granted(t.Context(), ada, passkey)
	claims := consent.CommitClaims{
		Issuer: w.Consumer.ID, Audience: consenttest.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Use: 1, Terms: r.Terms,
		Ciphertext: consent.DigestOf("c"), Plaintext: consent.DigestOf("p"), Nonce: consent.DigestOf("n"),
	}
	jws, err := consent.SignCommit(claims, w.Consumer.Key, w.Consumer.Chain)
	ok(t, "sign", err)
	_, err = w.Ledger.Use(t.Context(), jws)
	check(t, "it takes no commit from the consumer", err, "provider")
	stranger := consenttest.NewAuthority("somebody's CA", w.Now()).Agency(w.Provider.ID)
	claims.Issuer = w.Provider.ID
	jws, err = consent.SignCommit(claims, stranger.Key, stranger.Chain)
	ok(t, "sign", err)
	_, err = w.Ledger.Use(t.Context(), jws)
	check(t, "it takes no commit under another CA", err, "commit signature")
}

func TestLastUseConsumes(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	_, err := w.Ledger.Use(ctx, w.Commit(r, 1, nil))
	ok(t, "use 1", err)
	last := w.Commit(r, 2, nil)
	_, err = w.Ledger.Use(ctx, last)
	ok(t, "use 2", err)
	_, err = w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	is(t, "token", err, consent.ErrConsumed)
	r, err = w.Ledger.Received(ctx, w.Received(r, 2, last, nil))
	ok(t, "a countersignature after the end", err)
	if r.State != consent.StateConsumed || r.Uses[1].Received.IsZero() {
		t.Errorf("record %+v", r)
	}
	again, err := w.Ledger.Received(ctx, w.Received(r, 2, last, func(c *consent.ReceivedClaims) { c.IssuedAt++ }))
	ok(t, "another countersignature of it", err)
	if again.Seq != r.Seq {
		t.Error("it was counted twice")
	}
}

func TestReceivedRefuses(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	commit := w.Commit(r, 1, nil)
	_, err := w.Ledger.Received(ctx, w.Received(r, 1, commit, nil))
	check(t, "it refuses before the use", err, "event")
	_, err = w.Ledger.Use(ctx, commit)
	ok(t, "use", err)
	_, err = w.Ledger.Received(ctx, w.Received(r, 1, "another commit", nil))
	check(t, "it refuses another commit", err, "commit digest")
	_, err = w.Ledger.Received(ctx, w.Received(r, 1, commit, func(c *consent.ReceivedClaims) { c.Audience = "x" }))
	check(t, "it refuses another hub's", err, "aud")
	_, err = w.Ledger.Received(ctx, w.Received(r, 1, commit, func(c *consent.ReceivedClaims) { c.IssuedAt += 3600 }))
	check(t, "it refuses the future", err, "iat")
	_, err = w.Ledger.Received(ctx, w.Received(r, 1, commit, func(c *consent.ReceivedClaims) { c.GrantID = "nothing" }))
	is(t, "it refuses an unknown grant", err, consent.ErrUnknown)
	_, err = w.Ledger.Received(ctx, "a.b.c")
	check(t, "it refuses what nobody signed", err, "countersignature")
	jws, err := consent.SignReceived(consent.ReceivedClaims{
		Issuer: w.Provider.ID, Audience: consenttest.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Use: 1, Commit: consent.DigestOf(commit),
	}, w.Provider.Key, w.Provider.Chain)
	ok(t, "sign", err)
	_, err = w.Ledger.Received(ctx, jws)
	check(t, "it refuses the provider's own", err, "recipient")
}

func TestPauseResume(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	for range 2 { // a state that can be left can be entered again
		ok(t, "pause all", w.Ledger.PauseAll(ctx, ada, "lost_phone"))
		ok(t, "pause all again", w.Ledger.PauseAll(ctx, ada, "lost_phone"))
		_, err := w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
		is(t, "token while paused", err, consent.ErrPaused)
		_, err = w.Ledger.ResumeConfirmed(ctx, r.Grant, ada)
		ok(t, "resume", err)
	}
	_, err := w.Ledger.NextUse(ctx, r.Grant, consenttest.Client)
	ok(t, "token", err)
	records, err := w.Ledger.Of(ctx, ada)
	ok(t, "of", err)
	if len(records) != 1 || records[0].Seq != 6 {
		t.Errorf("records %+v", records)
	}
}

func TestExpiryReads(t *testing.T) {
	ctx := t.Context()
	w, passkey := world(t)
	r := w.Granted(ctx, ada, passkey)
	w.Pass(30 * 24 * time.Hour)
	records, err := w.Ledger.Of(ctx, ada)
	ok(t, "of", err)
	if records[0].State != consent.StateExpired {
		t.Errorf("it reads as %s", records[0].State)
	}
	_, err = w.Ledger.Withdraw(ctx, r.Grant, ada)
	is(t, "withdraw", err, consent.ErrExpired)
	_, err = w.Ledger.Pause(ctx, r.Grant, ada, "x")
	is(t, "pause", err, consent.ErrExpired)
}
