package monitor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Options of a Monitor. Log, Policy and State have no default.
type Options struct {
	Log    audit.Source
	Policy tlog.Policy
	State  string // folder, of this monitor alone

	Lists Lists // nil: served status lists are not compared
	// Documents gets the DID document of Issuer; nil: it is not compared.
	Documents Documents
	// Promises is a folder of promises that somebody was given; nil: none. Hub
	// and Issuer say who made those that are signed.
	Promises fs.FS
	Prover   Prover
	Hub      jose.JSONWebKeySet
	Issuer   string
	// Anchors are read when a checkpoint has to be anchored Within a time.
	Anchors Anchors
	Within  time.Duration

	StaleAfter time.Duration // age of the newest cosignature; zero: not checked
	// Patience is how long something may be out of reach before it is told.
	Patience time.Duration
	// Grace is how long a served list or document and its latest leaf may differ: leaves are
	// promised within a minute. 90 seconds when zero.
	Grace time.Duration

	Tell   func(context.Context, Alert) error // nil: findings are logged alone
	Now    func() time.Time
	Logger *slog.Logger
}

// Alert is one finding, told once.
type Alert struct {
	Log      string      `json:"log"` // origin
	Check    audit.Check `json:"check"`
	Detail   string      `json:"detail"`
	Since    time.Time   `json:"since"`
	Evidence []string    `json:"evidence,omitempty"` // signed notes
}

// Monitor follows one log.
type Monitor struct {
	o      Options
	memory memory
	origin string
}

// New takes up where the state folder ends.
func New(o Options) (*Monitor, error) {
	if len(o.Policy.Logs) == 0 {
		return nil, errors.New("monitor: the policy names no log")
	}
	if o.Promises != nil && o.Prover == nil {
		return nil, errors.New("monitor: promises are checked at a log's address, not in a folder")
	}
	if o.Grace == 0 {
		o.Grace = 90 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	m := &Monitor{o: o, origin: o.Policy.Logs[0].Key.Name}
	var err error
	m.memory, err = recall(o.State)
	return m, err
}

// Report is what one round found, and how far the monitor is.
type Report struct {
	Origin    string          `json:"origin"`
	Size      int64           `json:"size"` // of the last checkpoint of which all was checked
	Witnesses []string        `json:"witnesses,omitempty"`
	Lists     int             `json:"lists"`
	Promises  int             `json:"promises_kept"`
	Anchored  int64           `json:"anchored,omitempty"`
	At        time.Time       `json:"at"`
	Findings  []audit.Finding `json:"findings"`
}

// First is the first finding, or nil.
func (r Report) First() error {
	if len(r.Findings) == 0 {
		return nil
	}
	return r.Findings[0]
}

// Run makes a round at each interval until the context ends, which is no error.
// It returns one only when the state cannot be kept.
func (m *Monitor) Run(ctx context.Context, interval time.Duration, each func(Report)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		report, err := m.Round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if each != nil {
			each(report)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round is one look at everything.
type round struct {
	*Monitor
	now    time.Time
	shown  int64 // size of the checkpoint that the log showed; -1: none
	report Report
	keys   map[string]bool
}

// Round looks at everything once, keeps what it learnt, and tells what is new.
// The error says that the context ended, or that the state cannot be kept.
func (m *Monitor) Round(ctx context.Context) (Report, error) {
	r := &round{Monitor: m, now: m.o.Now(), shown: -1, keys: map[string]bool{}}
	r.report = Report{Origin: m.origin, Findings: []audit.Finding{}, At: r.now}
	r.log(ctx)
	if m.memory.Note != "" {
		r.lists(ctx)
		r.document(ctx)
		r.promises(ctx)
		r.anchors(ctx)
	}
	if ctx.Err() != nil {
		return r.report, ctx.Err() // what was cut short is no finding
	}
	r.forget()
	r.report.Size, r.report.Lists, r.report.Promises = m.size(), len(m.memory.Lists), m.memory.kept()
	if err := m.memory.save(m.o.State); err != nil {
		return r.report, err
	}
	return r.report, m.tell(ctx, r.now)
}

// Bounds of what a log can make a monitor remember of its lies: the first ones of
// a kind say enough.
const (
	maxDetail = 2560 // bytes: the longest address, and what is said of it
	maxOfOne  = 32   // that last, of one check
)

// short is what a log made us say, without end and on one line.
func short(detail string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return '?'
		}
		return c
	}, detail[:min(len(detail), maxDetail)])
}

// find adds a finding under a key: it is told once, as long as it is there, and
// reported once a round. What lasts is never forgotten.
func (r *round) find(key string, f audit.Finding) {
	if r.keys[key] {
		return
	}
	f.Detail = short(f.Detail)
	r.report.Findings = append(r.report.Findings, f)
	r.keys[key] = true
	if _, known := r.memory.Found[key]; known || r.full(f.Check) {
		return
	}
	r.memory.Found[key] = &told{Finding: f, Since: r.now}
	r.o.Logger.Error("monitor found", "log", r.origin, "check", string(f.Check), "detail", f.Detail)
}

// lasting are the lies that no later good behaviour undoes.
var lasting = []audit.Check{
	audit.RolledBack, audit.TwoLogs, audit.Entry, audit.Tile, audit.Root, audit.Promise, audit.Anchor, audit.Unsaid,
}

// full says that enough findings of a check that lasts are remembered; promises
// are as many as one was given.
func (r *round) full(c audit.Check) bool {
	if c == audit.Promise || !slices.Contains(lasting, c) {
		return false
	}
	n := 0
	for _, f := range r.memory.Found {
		if f.Check == c {
			n++
		}
	}
	return n >= maxOfOne
}

// forget drops what is over: the next time it is a finding again. What was not
// told yet is told all the same, unless it was out of reach and is back.
func (r *round) forget() {
	for key, f := range r.memory.Found {
		if !r.keys[key] && !slices.Contains(lasting, f.Check) && (!f.Told.IsZero() || f.Check == audit.Unreadable) {
			delete(r.memory.Found, key)
		}
	}
}

// tell hands on what is new. What could not be told is told next time.
func (m *Monitor) tell(ctx context.Context, now time.Time) error {
	changed := false
	for _, key := range slices.Sorted(maps.Keys(m.memory.Found)) {
		f := m.memory.Found[key]
		if !f.Told.IsZero() || f.Check == audit.Unreadable && now.Sub(f.Since) < m.o.Patience {
			continue
		}
		if err := keepEvidence(m.o.State, fileName(f.Check, key), f.Evidence); err != nil {
			return err
		}
		if m.o.Tell != nil {
			err := m.o.Tell(ctx, Alert{m.origin, f.Check, f.Detail, f.Since, f.Evidence})
			if err != nil {
				m.o.Logger.ErrorContext(ctx, "alert not told, it will be tried again", "check", string(f.Check), "error", err)
				continue
			}
		}
		f.Told, f.Evidence, changed = now, nil, true // the notes are in files
	}
	if !changed {
		return nil
	}
	return m.memory.save(m.o.State)
}

func fileName(c audit.Check, key string) string {
	return fmt.Sprintf("%s-%x", strings.ReplaceAll(string(c), " ", "-"), sha256.Sum256([]byte(key)))[:len(c)+17]
}
