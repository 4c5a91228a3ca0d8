package trail

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// ErrNotKept says that the trail could not be written: nothing was done.
var ErrNotKept = errors.New("the trail of the operator's acts cannot be written: nothing was done")

// ErrCaller says that nobody knows who calls.
var ErrCaller = errors.New("the system does not say who calls")

// Act is what was done, from its beginning to its end.
type Act struct {
	ID      string    `json:"act"`
	What    string    `json:"what"`
	By      Caller    `json:"by"`
	At      time.Time `json:"at"`
	Target  Target    `json:"target"`
	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome"` // "unknown" when it was broken off
}

// Store keeps the trail. All calls may run concurrently.
type Store interface {
	// Add keeps a row and its leaf in one transaction. nil: this row is durable,
	// now or since an earlier call. Any other error: the outcome is unknown;
	// call again with the same row.
	Add(ctx context.Context, e Entry, leaf []byte) error
	// Acts answers the newest acts that began at or after since, at most limit,
	// oldest first. Outcome is "" where the end is missing.
	Acts(ctx context.Context, since time.Time, limit int) ([]Act, error)
}

// Trail is safe for concurrent use.
type Trail struct {
	Store  Store
	Now    func() time.Time
	Logger *slog.Logger
}

// How often a row is tried, and how long an end may take when whoever asked has
// gone.
const (
	tries   = 3
	endWait = 10 * time.Second
)

// Do keeps that an act is begun, does it, and keeps what came of it: "done", or
// the word that outcome has for its error. act answers the target as it is known
// afterwards; its zero value leaves the first one. The error is act's own, or
// ErrNotKept or ErrCaller when it was not called.
func (t *Trail) Do(ctx context.Context, what string, target Target, outcome func(error) string, act func() (Target, error)) error {
	by, ok := caller(ctx)
	if !ok {
		return ErrCaller
	}
	e := Entry{Act: random(), Step: Begun, What: what, By: by, Target: storable(target)}
	if err := t.add(ctx, e); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	after, err := act()
	e.Step, e.Outcome = Ended, Done
	if after != (Target{}) {
		e.Target = storable(after)
	}
	if err != nil {
		e.Outcome = outcome(err)
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWait)
	defer cancel()
	if lost := t.add(late, e); lost != nil { // what is done is done: the list says "unknown", the log why
		t.Logger.ErrorContext(ctx, "the end of an operator's act is not kept", "act", e.Act, "outcome", e.Outcome, "error", lost)
	}
	return err
}

func (t *Trail) add(ctx context.Context, e Entry) error {
	e.At = t.Now().UTC().Truncate(time.Millisecond)
	_, _ = rand.Read(e.Salt[:])
	leaf, err := e.Statement()
	if err != nil {
		return err
	}
	for range tries {
		if err = t.Store.Add(ctx, e, leaf); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// List answers the newest acts since then, oldest first.
func (t *Trail) List(ctx context.Context, since time.Time, limit int) ([]Act, error) {
	acts, err := t.Store.Acts(ctx, since, limit)
	for i := range acts {
		if acts[i].Outcome == "" {
			acts[i].Outcome = "unknown"
		}
	}
	return acts, err
}

// storable bounds an id as it was typed, and leaves out what no row can hold.
func storable(t Target) Target {
	t.ID = strings.ToValidUTF8(strings.ReplaceAll(t.ID[:min(len(t.ID), 200)], "\x00", ""), "")
	return t
}

type callerKey struct{}

// WithCaller says who is at the other end of a connection.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func caller(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
