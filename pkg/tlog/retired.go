package tlog

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrRetired says that a checkpoint stands by a key alone that was retired
// before it was cosigned. It is ErrUnsigned.
var ErrRetired = fmt.Errorf("%w: the key was retired before", ErrUnsigned)

// untilWord begins the line "#log-until <vkey> <time>". It is a comment to other
// readers of C2SP tlog-policy, who take the retired key as long as its line is
// there; to us a line that begins so has to be right.
const untilWord = "#log-until"

func (r *policyReader) until(words []string) error {
	if len(words) != 3 || words[0] != untilWord {
		return errors.New("want: #log-until <vkey> <time>")
	}
	at, err := time.Parse(time.RFC3339, words[2])
	if err != nil || at.Unix() <= 0 {
		return errors.New("a key is retired at a time like 2027-01-31T00:00:00Z")
	}
	for i, l := range r.policy.Logs {
		if l.Key.String() != words[1] {
			continue
		}
		if !l.Until.IsZero() {
			return errors.New("the same log key is retired twice")
		}
		r.policy.Logs[i].Until = at.UTC()
		return nil
	}
	return errors.New("no log above has the key that is retired")
}

// One is the log whose keys these are, by the newest of them, when all are keys
// of one log.
func (p Policy) One() (Log, bool) {
	if len(p.Logs) == 0 {
		return Log{}, false
	}
	one := p.Logs[len(p.Logs)-1]
	for i := len(p.Logs) - 1; i >= 0; i-- {
		if p.Logs[i].Key.Name != one.Key.Name {
			return Log{}, false
		}
		if one.URL == "" {
			one.URL = p.Logs[i].URL
		}
	}
	return one, true
}

// Ever is the policy by which a retired key goes on to count: for who reads back
// what it checked and kept itself.
func (p Policy) Ever() Policy {
	all := make([]Log, len(p.Logs))
	for i, l := range p.Logs {
		l.Until = time.Time{}
		all[i] = l
	}
	p.Logs = all
	return p
}

// inForce says whether a key that was retired counts: when witnesses that are a
// quorum had cosigned by then, or, where none are asked for, by the clock.
func (p Policy) inForce(until time.Time, at map[string]time.Time) bool {
	if p.quorum == none {
		now := time.Now
		if p.Now != nil {
			now = p.Now
		}
		return now().Before(until)
	}
	var early []string
	for name, cosigned := range at {
		if !cosigned.After(until) {
			early = append(early, name)
		}
	}
	return p.Quorum(early)
}

// Rekey writes a policy's text anew after a change of the log's key: the old key
// with its end, and the new one under the same address. The change has to be
// signed by a key that the policy has for that log. A policy that knows of the
// change stays as it is; one that has both keys gets the old one's end.
func Rekey(text []byte, c KeyChange) ([]byte, error) {
	policy, err := ParsePolicy(text)
	if err != nil {
		return nil, err
	}
	var old *Log
	known := false
	for i, l := range policy.Logs {
		switch l.Key.String() {
		case c.New.String():
			known = true
		case c.Old.String():
			old = &policy.Logs[i]
		}
	}
	switch {
	case known && (old == nil || old.Until.Equal(c.Retired)):
		return text, nil
	case old == nil:
		return nil, errors.New("log key change: the policy does not have the key that signed it")
	case !old.Until.IsZero():
		return nil, errors.New("log key change: the policy has another change of this key")
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		out.WriteString(line)
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "log" {
			continue
		}
		if key, err := ParseKey(words[1]); err == nil && key.String() == c.Old.String() { // its id may be in capitals
			fmt.Fprintf(&out, "%s %s %s\n", untilWord, c.Old, c.Retired.UTC().Format(time.RFC3339))
			if !known {
				out.WriteString(strings.TrimSpace("log "+c.New.String()+" "+old.URL) + "\n")
			}
		}
	}
	_, err = ParsePolicy([]byte(out.String()))
	return []byte(out.String()), err
}
