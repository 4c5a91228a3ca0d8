package anchor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Verifier checks a proof; *endorsement.Trust is one.
type Verifier interface {
	Verify(p endorsement.Proof) (endorsement.Anchored, error)
}

// Options of an Anchorer.
type Options struct {
	Hub      Hub
	Chain    Chain
	Outbox   Outbox
	Policy   tlog.Policy   // of one log, with its witnesses
	Trust    Verifier      // proofs are checked before they are handed over
	Interval time.Duration // between transactions, at least; a minute when zero
	Patience time.Duration // of one call, 30 s when zero
	Now      func() time.Time
	Logger   *slog.Logger
}

// Anchorer anchors one log. Run or Step, one at a time.
type Anchorer struct {
	o       Options
	origin  string
	state   *State   // nil: read it again
	reading *reading // of entries not covered yet; nil: begin again
	asked   bool     // the ledger for its newest, since this process began

	mu     sync.Mutex
	report Report
}

// Report is what an operator looks at.
type Report struct {
	State     State
	Published int64     // size of the log's checkpoint, as read last
	Problem   string    // of the last step; "" when it went well
	Since     time.Time // since when there is one
	Forked    bool
}

// New makes an anchorer; nothing is asked of anybody so far.
func New(o Options) (*Anchorer, error) {
	one, ok := o.Policy.One()
	if !ok {
		return nil, errors.New("anchorer: the policy has to name one log")
	}
	if len(o.Policy.Witnesses) == 0 {
		return nil, errors.New("anchorer: the policy names no witness: a checkpoint that nobody vouches for is not anchored")
	}
	if o.Interval == 0 {
		o.Interval = time.Minute
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	a := &Anchorer{o: o, origin: one.Key.Name}
	if name(a.origin) != a.origin || len(a.origin) > 256 {
		return nil, fmt.Errorf("anchorer: the ledger takes no origin like %q", a.origin)
	}
	return a, nil
}

// Report tells how things are; it may be called at any time.
func (a *Anchorer) Report() Report {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.report
}

// Run anchors until the context ends. It returns early only with ErrFork or
// with a state that cannot be read, which need a person.
func (a *Anchorer) Run(ctx context.Context) error {
	const shortest = time.Second
	longest := max(a.o.Interval, shortest)
	pause := time.Duration(0)
	for {
		err := a.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrFork), errors.Is(err, ErrState):
			a.o.Logger.ErrorContext(ctx, "anchorer stopped", "error", err)
			return err
		case err == nil:
			pause = 0
		default:
			pause = min(max(2*pause, min(shortest, a.o.Interval)), longest, time.Minute)
		}
		wait := a.due()
		if pause > 0 {
			wait = pause/2 + rand.N(pause) //nolint:gosec // G404: a pause keeps no secret
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(wait, min(a.o.Interval, shortest)/10)):
		}
	}
}

// due is how long until the next transaction may be prepared: never more than
// an interval, whatever a clock did.
func (a *Anchorer) due() time.Duration {
	spent := a.Report().State.Spent
	if spent.IsZero() {
		return a.o.Interval // nothing to anchor so far
	}
	left := spent.Add(a.o.Interval).Sub(a.o.Now())
	if left < 0 {
		return a.o.Interval // nothing new at the last look
	}
	return min(left, a.o.Interval)
}

// Step goes as far as it can: from where the outbox is to an empty one, and to
// the next checkpoint when its time has come. After an error it may be called
// again, by this process or another.
func (a *Anchorer) Step(ctx context.Context) (err error) {
	defer func() { a.note(ctx, err) }()
	if a.state == nil {
		if err := a.load(); err != nil {
			return err
		}
	}
	if !a.asked {
		if err := a.take(ctx); err != nil {
			return err
		}
		a.asked = true
	}
	for {
		done, err := a.advance(ctx)
		if done || err != nil {
			return err
		}
	}
}

// load reads the state, and refuses to go on after an alarm.
func (a *Anchorer) load() error {
	fork, err := a.o.Outbox.Alarmed()
	if err != nil {
		return err
	}
	if fork != nil {
		return fork
	}
	s, err := a.o.Outbox.Load()
	if err != nil {
		return err
	}
	if s.SchemaVersion == "" {
		s = State{SchemaVersion: Schema, Origin: a.origin}
	}
	if s.Origin != a.origin {
		return fmt.Errorf("%w: it is of %s, the policy names %s", ErrState, s.Origin, a.origin)
	}
	a.state, a.reading = &s, nil
	return nil
}

// save makes a new state durable; when that is not certain, it is read again.
func (a *Anchorer) save(s State) error {
	a.state = nil
	if err := a.o.Outbox.Save(s); err != nil {
		return err
	}
	a.state = &s
	return nil
}

// note keeps what an operator is told, and says once what changed.
func (a *Anchorer) note(ctx context.Context, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != nil {
		a.report.State = *a.state
	}
	before := a.report.Problem
	a.report.Problem = ""
	if err != nil && ctx.Err() == nil {
		a.report.Problem = err.Error()
		a.report.Forked = errors.Is(err, ErrFork)
	}
	switch {
	case a.report.Problem == "" && before != "":
		a.report.Since = time.Time{}
		a.o.Logger.InfoContext(ctx, "anchoring goes on")
	case a.report.Problem != "" && before == "":
		a.report.Since = a.o.Now()
		a.o.Logger.WarnContext(ctx, "anchoring delayed", "error", err)
	case a.report.Problem != before:
		a.o.Logger.WarnContext(ctx, "anchoring delayed", "error", err)
	}
}

// call is one call to somebody else, with an end.
func call[T any](ctx context.Context, a *Anchorer, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.Patience)
	defer cancel()
	return f(ctx)
}
