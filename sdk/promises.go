package sdk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/tlog"
)

const (
	// promiseInterval is how often held promises are looked at.
	promiseInterval = 15 * time.Second
	// silence is how long after its deadline a promise may stay unproven because
	// the log does not answer: a hub that takes commits and hides its log must
	// not be able to hide what it broke.
	silence = 10 * time.Minute
	// checkKept is the name of the check that stops after a broken promise.
	checkKept = "promise kept"
)

// Promise is the hub's signed word that a use is in its log by a time. It is
// held from the moment it is given until the log has proven it.
type Promise struct {
	GrantID  string    `json:"grant_id"`
	Use      int       `json:"use"`
	Leaf     string    `json:"leaf"` // base64url hash of the use's leaf
	Deadline time.Time `json:"deadline"`
	Promise  string    `json:"promise"`         // the hub's mydata-promise+jwt: evidence
	Broken   time.Time `json:"broken,omitzero"` // when it was found broken
	Cause    string    `json:"cause,omitempty"` // why it counts as broken
}

// promises holds them, and looks whether they are kept. Journal kind "promise",
// key grant/number; a proof that was seen is kept as kind "inclusion".
type promises struct {
	net     *network
	trust   Trust
	journal Journal
	now     func() time.Time
	logger  *slog.Logger
	broken  func(Promise)
	stop    bool
	proofs  bool // keep them
	also    func(context.Context)

	mu      sync.Mutex
	loaded  bool
	known   map[string]bool // broken ones, by key
	one     sync.Mutex      // one look at a time
	every   time.Duration
	ctx     context.Context
	cancel  context.CancelFunc
	timer   *time.Timer
	running sync.WaitGroup
	closed  bool
}

// begin has the promises looked at now and then until close.
func (p *promises) begin(every time.Duration) *promises {
	p.known = map[string]bool{}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if every == 0 {
		every = promiseInterval
	}
	if every > 0 {
		p.every, p.timer = every, time.AfterFunc(every, p.tick)
	}
	return p
}

func (p *promises) tick() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.running.Add(1)
	p.mu.Unlock()
	if _, err := p.check(p.ctx); err != nil && p.ctx.Err() == nil {
		p.logger.WarnContext(p.ctx, "promises not checked", "error", err.Error())
	}
	if p.also != nil {
		p.also(p.ctx)
	}
	p.running.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.timer.Reset(p.every)
	}
}

// close ends what begin began, and waits for it.
func (p *promises) close() {
	p.mu.Lock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	p.cancel()
	p.running.Wait()
}

// hold keeps a promise that was checked, before anything is done because of it.
// The same promise again changes nothing.
func (p *promises) hold(ctx context.Context, jws string, c consent.PromiseClaims) error {
	held := Promise{GrantID: string(c.GrantID), Use: c.Use, Leaf: c.Leaf, Deadline: time.Unix(c.Deadline, 0).UTC(), Promise: jws}
	if _, err := leafHash(held.Leaf); err != nil {
		return refusal("refused", transfer.CheckPromise, transfer.MenderHub, "the promise names no leaf")
	}
	e, err := entry("promise", useID(held.GrantID, held.Use), held, time.Time{})
	if err != nil {
		return err
	}
	if err := p.journal.Create(ctx, e); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	return nil
}

func leafHash(text string) (tlog.Hash, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(tlog.Hash{}) {
		return tlog.Hash{}, errors.New("no leaf hash")
	}
	return tlog.Hash(raw), nil
}

// held is all promises that are not known to be kept, oldest first.
func (p *promises) held(ctx context.Context) ([]Promise, error) {
	all, err := p.journal.List(ctx, "promise")
	if err != nil {
		return nil, err
	}
	var found []Promise
	for _, e := range all {
		var held Promise
		if err := json.Unmarshal(e.Value, &held); err != nil {
			return nil, fmt.Errorf("promise %s: %w", e.Key, err)
		}
		found = append(found, held)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded = true
	clear(p.known)
	for _, held := range found {
		if !held.Broken.IsZero() {
			p.known[useID(held.GrantID, held.Use)] = true
		}
	}
	return found, nil
}

// check asks the log for every promise that is held, and gives those that are
// broken. Each is told once.
func (p *promises) check(ctx context.Context) ([]Promise, error) {
	p.one.Lock()
	defer p.one.Unlock()
	all, err := p.held(ctx)
	if err != nil {
		return nil, err
	}
	var broken []Promise
	for _, held := range all {
		if held.Broken.IsZero() {
			if held, err = p.look(ctx, held); err != nil {
				return broken, err
			}
		}
		if !held.Broken.IsZero() {
			broken = append(broken, held)
		}
	}
	return broken, nil
}

// look asks the log for one.
func (p *promises) look(ctx context.Context, held Promise) (Promise, error) {
	id, now := useID(held.GrantID, held.Use), p.now().UTC()
	proof, err := p.prove(ctx, held.Leaf)
	switch {
	case ctx.Err() != nil:
		return held, ctx.Err()
	case err == nil:
		return held, p.kept(ctx, id, proof)
	case !now.After(held.Deadline):
		return held, nil
	case errors.Is(err, ErrUnavailable) && !now.After(held.Deadline.Add(silence)):
		p.logger.WarnContext(ctx, "promise not proven, the log does not answer", "grant", held.GrantID, "use", held.Use)
		return held, nil
	}
	if _, missing := kept[Promise](ctx, p.journal, "promise", id); errors.Is(missing, ErrAbsent) {
		return held, nil // a receipt has proven it meanwhile
	}
	held.Broken, held.Cause = now, err.Error()
	e, err := entry("promise", id, held, time.Time{})
	if err != nil {
		return held, err
	}
	if err := p.journal.Put(ctx, e); err != nil {
		return held, err
	}
	p.mu.Lock()
	p.known[id] = true
	p.mu.Unlock()
	p.logger.ErrorContext(ctx, "promise broken", "grant", held.GrantID, "use", held.Use, "deadline", held.Deadline, "cause", held.Cause)
	if p.broken != nil {
		p.broken(held)
	}
	return held, nil
}

// kept forgets a promise that the log has proven.
func (p *promises) kept(ctx context.Context, id string, proof []byte) error {
	if p.proofs && len(proof) > 0 {
		e, err := entry("inclusion", id, string(proof), time.Time{})
		if err != nil {
			return err
		}
		if err := p.journal.Put(ctx, e); err != nil {
			return err
		}
	}
	if err := p.journal.Delete(ctx, "promise", id); err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	return nil
}

// prove gets the proof of a leaf and checks it: a path to the root of a
// checkpoint that the log signed and a quorum of witnesses cosigned.
func (p *promises) prove(ctx context.Context, leaf string) ([]byte, error) {
	hash, err := leafHash(leaf)
	if err != nil {
		return nil, err
	}
	a, err := p.net.do(ctx, http.MethodGet, strings.TrimSuffix(p.trust.Issuer, "/")+"/log/proof?leaf="+leaf, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := a.unavailable(); err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, errors.New("the log does not have the leaf")
	}
	proof, err := tlog.ParseProof(a.body)
	if err != nil {
		return nil, err
	}
	c, err := p.trust.Log.Open(proof.Checkpoint)
	if err != nil {
		return nil, err
	}
	return a.body, tlog.CheckInclusion(proof.Path, c.Size, c.Root, proof.Index, hash)
}

// allow refuses to go on after a broken promise, when the agency chose that.
func (p *promises) allow(ctx context.Context) error {
	if !p.stop {
		return nil
	}
	p.mu.Lock()
	loaded := p.loaded
	p.mu.Unlock()
	if !loaded { // after a restart
		if _, err := p.held(ctx); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.known {
		return refusal("promise_broken", checkKept, transfer.MenderHub,
			"the hub promised that use %s is in its log, and it was not in time: settle that first", id)
	}
	return nil
}

// settle forgets a broken promise: a person has looked.
func (p *promises) settle(ctx context.Context, grantID string, use int) error {
	id := useID(grantID, use)
	if err := p.journal.Delete(ctx, "promise", id); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, id)
	return nil
}
