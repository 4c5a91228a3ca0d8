package notify

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
	"github.com/govmydata/mydata/pkg/signal"
)

// The bounds of one replica's work.
const (
	atOnce    = 8           // audiences
	batch     = 20          // signals of one audience read at once
	leaseTime = time.Minute // of an audience
	pushTime  = 10 * time.Second
	pollOnly  = 10 * time.Minute // until an agency without an address is looked at again

	// gather is the least time between two looks at the outbox. What comes alone is told
	// at once, and of many commits in a row those of a moment together.
	gather = 100 * time.Millisecond
)

// What becomes of a signal, as Observe hears it.
const (
	Delivered = "delivered"
	Retried   = "retried"
	Dead      = "dead"
	Polled    = "polled"
	Messaged  = "messaged"
)

// Options of a Notifier. Outbox, Issuer, Key and Endpoint are needed.
type Options struct {
	Outbox Outbox
	Issuer string
	Key    func() (signer crypto.Signer, kid string)
	// Endpoint answers where an agency takes tokens, "" for one that polls.
	Endpoint func(agency string) string
	// Messages tells citizens; nil: nobody does, and what is for them is forgotten.
	Messages *Messages

	Life     time.Duration // after which a signal is dead; a week when zero
	Interval time.Duration // between looks at the outbox; a second when zero
	Loopback bool          // development: agencies on this machine, by plain http
	Observe  func(outcome string)
	Now      func() time.Time
	Logger   *slog.Logger
}

// Notifier empties an outbox.
type Notifier struct {
	Options
	holder string
	client *fetch.Client
	wake   chan struct{}
}

// New makes a Notifier; Run makes it work.
func New(o Options) (*Notifier, error) {
	if o.Outbox == nil || o.Issuer == "" || o.Key == nil || o.Endpoint == nil {
		return nil, errors.New("notify: outbox, issuer, key and endpoint are needed")
	}
	if o.Life == 0 {
		o.Life = 7 * 24 * time.Hour
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Observe == nil {
		o.Observe = func(string) {}
	}
	return &Notifier{Options: o, holder: rand.Text(), client: &fetch.Client{Loopback: o.Loopback, Timeout: pushTime}, wake: make(chan struct{}, 1)}, nil
}

// Wake has Run look now, since something was committed. It never waits.
func (n *Notifier) Wake() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. A failing outbox is tried again: what is to be told
// waits there.
func (n *Notifier) Run(ctx context.Context) {
	ticker := time.NewTicker(n.Interval)
	defer ticker.Stop()
	for {
		again := time.After(gather)
		if err := n.Round(ctx); err != nil && ctx.Err() == nil {
			n.Logger.WarnContext(ctx, "signals wait", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-n.wake:
		}
	}
}

// Round tells everybody who is due, several at once.
func (n *Notifier) Round(ctx context.Context) error {
	due, err := n.Outbox.Due(ctx, n.Now(), 4*atOnce)
	if err != nil {
		return err
	}
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, atOnce)
		mu    sync.Mutex
		all   []error
	)
	for _, audience := range due {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := n.audience(ctx, audience); err != nil && !errors.Is(err, ErrHeld) {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, err)
			}
		})
	}
	group.Wait()
	return errors.Join(all...)
}

// audience tells one audience what there is, under its lease. What came meanwhile
// is looked for at once.
func (n *Notifier) audience(ctx context.Context, audience string) error {
	tries, waiting, err := n.hold(ctx, audience, batch)
	if err != nil {
		return err
	}
	var told []string
	var after time.Duration // until the next try
	if citizen, ok := signal.CitizenOf(audience); ok {
		if told, after, err = n.citizen(ctx, citizen, waiting); after < 0 {
			tries++
		}
	} else {
		told, after, err = n.agency(ctx, audience, &tries, waiting)
	}
	if err != nil {
		tries = max(tries, 0) + 1
	}
	switch {
	case err != nil || after < 0:
		after = max(backoff(max(tries, -tries)), -after)
	case after == 0:
		tries = 0
	}
	giveUp, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushTime)
	defer cancel()
	err = errors.Join(err, n.Outbox.Release(giveUp, audience, n.holder, tries, n.Now().Add(after), told))
	if len(told) > 0 {
		n.Wake()
	}
	return err
}

func (n *Notifier) hold(ctx context.Context, audience string, most int) (tries int, waiting []signal.Signal, err error) {
	now := n.Now()
	return n.Outbox.Hold(ctx, audience, n.holder, now, now.Add(leaseTime), most)
}

// agency pushes until there is nothing more. after is when to look again: a
// negative one says that it failed, and the least time to wait. told are those of
// the last batch that were taken: they are forgotten with it. tries are the failures in
// a row: above zero those that said nothing of the token, below zero refusals of it.
func (n *Notifier) agency(ctx context.Context, audience string, tries *int, waiting []signal.Signal) (told []string, after time.Duration, err error) {
	address := n.Endpoint(audience)
	held := n.Now()
	for ctx.Err() == nil {
		for _, s := range waiting {
			if n.tooOld(s) {
				if err := n.bury(ctx, s, "too old"); err != nil {
					return told, 0, err
				}
				continue
			}
			if address == "" {
				return told, pollOnly, nil
			}
			if n.Now().Sub(held) > leaseTime/2 {
				held = n.Now()
				if _, _, err := n.hold(ctx, audience, 0); err != nil {
					return told, 0, err
				}
			}
			taken, wait, err := n.one(ctx, address, s, tries)
			if taken {
				told = append(told, s.ID)
			}
			if err != nil || wait != 0 {
				return told, wait, err
			}
			*tries = 0
		}
		if len(waiting) < batch {
			return told, 0, nil
		}
		if err := n.Outbox.Told(ctx, audience, told); err != nil {
			return nil, 0, err
		}
		told, held = nil, n.Now()
		if _, waiting, err = n.hold(ctx, audience, batch); err != nil {
			return nil, 0, err
		}
	}
	return told, 0, ctx.Err()
}

// tooOld counts from when an operator had it told again, if one did.
func (n *Notifier) tooOld(s signal.Signal) bool {
	since := s.At
	if s.Resent.After(since) {
		since = s.Resent
	}
	return n.Now().Sub(since) > n.Life
}

// refusals is how often a recipient may call a token no token before it is put
// aside, so that it does not hold up what follows.
const refusals = 5

// one pushes a signal, and says whether it was taken. A negative answer is how
// long to wait at least.
func (n *Notifier) one(ctx context.Context, address string, s signal.Signal, tries *int) (taken bool, after time.Duration, err error) {
	signer, kid := n.Key()
	token, err := signal.Make(s, n.Issuer, n.Now(), signer, kid)
	if err != nil {
		return false, 0, fmt.Errorf("sign signal: %w", err)
	}
	failed := n.push(ctx, address, token)
	if failed == nil {
		n.Observe(Delivered)
		return true, 0, nil
	}
	if failed.code == signal.CodeRequest {
		*tries = min(*tries, 0) - 1
	} else {
		*tries = max(*tries, 0) + 1
	}
	n.Logger.WarnContext(ctx, "signal not taken", "agency", s.Audience, "jti", s.ID, "seq", s.Seq, "try", max(*tries, -*tries), "err", failed)
	if *tries <= -refusals {
		return false, 0, n.bury(ctx, s, failed.code)
	}
	n.Observe(Retried)
	return false, -max(failed.after, time.Nanosecond), nil
}

func (n *Notifier) bury(ctx context.Context, s signal.Signal, reason string) error {
	if err := n.Outbox.Bury(ctx, s.Audience, s.ID, reason, n.Now()); err != nil {
		return err
	}
	n.Observe(Dead)
	n.Logger.ErrorContext(ctx, "signal put aside", "jti", s.ID, "kind", s.Kind, "seq", s.Seq, "reason", reason)
	return nil
}
