package tlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxPolicy bounds the text of a policy in bytes.
const MaxPolicy = 64 << 10

// Log is a key of a log that a policy knows. A log whose key was changed has a
// line for each.
type Log struct {
	Key Key
	URL string
	// Until is when the key was retired: what was cosigned later does not count
	// by its signature alone. Zero: it is in force.
	Until time.Time
}

// Witness is a witness that a policy knows, by its name there.
type Witness struct {
	Name string
	Key  Key
	URL  string // submission prefix (C2SP tlog-witness)
}

// Policy says when a checkpoint counts (C2SP tlog-policy): signed by a known
// log, cosigned by a quorum. The zero Policy accepts none.
type Policy struct {
	Logs      []Log
	Witnesses []Witness
	// Now is the clock that ends a retired key where no witness gives a time, in a
	// policy without witnesses; time.Now when nil.
	Now    func() time.Time
	groups map[string]group
	quorum string
	right  *sync.Map // of Remembering
}

type group struct {
	threshold int
	members   []string
}

const none = "none" // quorum of a policy without witnesses

// NewPolicy writes the policy "this log, cosigned by k of these witnesses".
func NewPolicy(log Log, witnesses []Witness, k int) []byte {
	var b strings.Builder
	line := func(words ...string) { b.WriteString(strings.TrimSpace(strings.Join(words, " ")) + "\n") }
	line("log", log.Key.String(), log.URL)
	var names []string
	for _, w := range witnesses {
		line("witness", w.Name, w.Key.String(), w.URL)
		names = append(names, w.Name)
	}
	if k == 0 {
		line("quorum", none)
		return []byte(b.String())
	}
	line(append([]string{"group", "witnesses", fmt.Sprint(k)}, names...)...)
	line("quorum", "witnesses")
	return []byte(b.String())
}

// ParsePolicy reads a policy file (C2SP tlog-policy, Policy file syntax).
func ParsePolicy(text []byte) (Policy, error) {
	if len(text) > MaxPolicy {
		return Policy{}, errors.New("log policy: too long")
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return Policy{}, errors.New("log policy: the last line does not end")
	}
	r := policyReader{groups: map[string]group{}, defined: map[string]bool{}, member: map[string]bool{}}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if err := r.line(strings.TrimSuffix(line, "\n")); err != nil {
			return Policy{}, fmt.Errorf("log policy, line %d: %w", number, err)
		}
	}
	if r.policy.quorum == "" {
		return Policy{}, errors.New("log policy: no quorum")
	}
	r.policy.groups = r.groups
	return r.policy, nil
}

type policyReader struct {
	policy  Policy
	groups  map[string]group
	defined map[string]bool // witnesses and groups share one space of names
	member  map[string]bool
}

func (r *policyReader) line(line string) error {
	for i := range len(line) {
		if c := line[i]; c != '\t' && c < 0x20 || c == 0x7f {
			return errors.New("control character")
		}
	}
	words := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(words) > 0 && strings.HasPrefix(words[0], untilWord) {
		return r.until(words)
	}
	if len(words) == 0 || words[0][0] == '#' {
		return nil
	}
	switch args := words[1:]; words[0] {
	case "log":
		return r.log(args)
	case "witness":
		return r.witness(args)
	case "group":
		return r.group(args)
	case "quorum":
		return r.quorum(args)
	}
	return errors.New("unknown keyword")
}

func (r *policyReader) log(args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return errors.New("want: log <vkey> [<url>]")
	}
	key, err := ParseKey(args[0])
	if err != nil {
		return err
	}
	if key.IsWitness() {
		return errors.New("a log has a key of type 0x01")
	}
	for _, l := range r.policy.Logs {
		if l.Key.Public.Equal(key.Public) {
			return errors.New("the same log key twice")
		}
	}
	r.policy.Logs = append(r.policy.Logs, Log{key, strings.Join(args[1:], ""), time.Time{}})
	return nil
}

func (r *policyReader) witness(args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return errors.New("want: witness <name> <vkey> [<url>]")
	}
	key, err := ParseKey(args[1])
	if err != nil {
		return err
	}
	if !key.IsWitness() {
		return errors.New("a witness has a key of type 0x04")
	}
	for _, w := range r.policy.Witnesses {
		if w.Key.Public.Equal(key.Public) {
			return errors.New("the same witness key twice")
		}
	}
	r.policy.Witnesses = append(r.policy.Witnesses, Witness{args[0], key, strings.Join(args[2:], "")})
	return r.define(args[0])
}

func (r *policyReader) group(args []string) error {
	if len(args) < 3 {
		return errors.New("want: group <name> all|any|<k>, then names")
	}
	g := group{members: args[2:]}
	switch args[1] {
	case "all":
		g.threshold = len(g.members)
	case "any":
		g.threshold = 1
	default:
		k, err := decimal(args[1])
		if err != nil || k < 1 || k > int64(len(g.members)) {
			return errors.New("the threshold is between 1 and the number of members")
		}
		g.threshold = int(k)
	}
	for _, name := range g.members {
		if !r.defined[name] {
			return errors.New("a member is not defined above")
		}
		if r.member[name] { // "at most once": one way for a witness to count
			return errors.New("a name is a member twice")
		}
		r.member[name] = true
	}
	r.groups[args[0]] = g
	return r.define(args[0])
}

func (r *policyReader) quorum(args []string) error {
	if len(args) != 1 || r.policy.quorum != "" {
		return errors.New("want one quorum, one name")
	}
	if args[0] != none && !r.defined[args[0]] {
		return errors.New("the quorum is not defined above")
	}
	r.policy.quorum = args[0]
	return nil
}

func (r *policyReader) define(name string) error {
	if name == none || r.defined[name] {
		return errors.New("this name is taken")
	}
	r.defined[name] = true
	return nil
}

// Quorum says whether these witnesses, by their names in the policy, are a
// quorum.
func (p Policy) Quorum(cosigned []string) bool {
	return p.quorum == none || p.quorum != "" && p.counts(p.quorum, cosigned)
}

func (p Policy) counts(name string, cosigned []string) bool {
	g, ok := p.groups[name]
	if !ok {
		return slices.Contains(cosigned, name)
	}
	n := 0
	for _, member := range g.members {
		if p.counts(member, cosigned) {
			n++
		}
	}
	return n >= g.threshold
}
