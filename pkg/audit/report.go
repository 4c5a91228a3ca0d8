package audit

import "fmt"

// Check names a kind of lie, or why no answer was possible.
type Check string

// The checks, in the order in which a lie is looked for.
const (
	Unreadable  Check = "unreadable"       // a file or address could not be read
	Remembered  Check = "remembered"       // what was remembered is not this log's
	Checkpoint  Check = "checkpoint"       // malformed, or not signed by the log
	Unwitnessed Check = "UNWITNESSED"      // too few witnesses cosigned
	RolledBack  Check = "rolled back"      // smaller than seen before
	TwoLogs     Check = "two logs"         // another tree than seen before
	Entry       Check = "entry"            // an entry was altered: the tiles give the root
	Tile        Check = "tile"             // a tile was altered: the entries give the root
	Root        Check = "root"             // neither entries nor tiles give the root
	Event       Check = "event"            // an event's leaf is not in the log
	Unexplained Check = "unexplained"      // a leaf has no event and no tombstone
	Illegal     Check = "illegal"          // a history breaks consent.Apply
	Evidence    Check = "evidence"         // what an event\'s digests open to was altered
	Public      Check = "public statement" // a row is not what the log says of it to everybody
	Approval    Check = "approval"         // a citizen did not sign the terms of a grant
	Passkeys    Check = "passkeys"         // a history of passkeys, or who can log in, is not what was signed
	Promise     Check = "broken promise"   // a leaf was promised by a time, and was not there
	Receipt     Check = "receipt"          // a receipt does not verify, or is of another log
	Anchor      Check = "anchor"           // an anchor is of another tree, or does not verify
	Stale       Check = "stale"            // the newest cosignature is too old
	StatusList  Check = "status list"      // what is served is not what its latest leaf says
	Unsaid      Check = "statement"        // an entry that should say something to everybody does not
	Missed      Check = "missed anchor"    // a checkpoint was not anchored in time
	Document    Check = "DID document"     // what is served is not what its latest leaf says
	Key         Check = "log key"          // the log's key changes, and the policy does not know of it, or another way
)

// codes are the exit codes; 1 is for wrong use of a command.
var codes = map[Check]int{
	Unreadable: 2, Remembered: 3, Checkpoint: 10, Unwitnessed: 11, RolledBack: 12, TwoLogs: 13,
	Entry: 14, Tile: 15, Root: 16, Event: 17, Unexplained: 18, Illegal: 19, Evidence: 20, Public: 21, Approval: 22, Passkeys: 23,
	Promise: 24, Receipt: 25, Anchor: 26, Stale: 27, StatusList: 28, Unsaid: 29, Missed: 30, Document: 31, Key: 32,
}

// ExitCode is a command's exit code for this lie.
func (c Check) ExitCode() int { return codes[c] }

// Finding is a lie, and where.
type Finding struct {
	Check    Check    `json:"check"`
	Detail   string   `json:"detail"`
	Evidence []string `json:"evidence,omitempty"` // the signed notes that contradict
}

// Error makes a finding an error whose exit code says which it is.
func (f Finding) Error() string { return fmt.Sprintf("%s: %s", f.Check, f.Detail) }

// ExitCode is that of the check.
func (f Finding) ExitCode() int { return f.Check.ExitCode() }

// Code is the check's name, for reports in JSON.
func (f Finding) Code() string { return string(f.Check) }

// Report is what an audit found.
type Report struct {
	Origin    string    `json:"origin,omitempty"`
	Size      int64     `json:"size"`
	Root      string    `json:"root,omitempty"`
	Witnesses []string  `json:"witnesses,omitempty"`
	Since     int64     `json:"since,omitempty"`   // size remembered from last time
	Resumed   int64     `json:"resumed,omitempty"` // entries that an interrupted walk had verified
	Passed    []string  `json:"passed,omitempty"`
	Events    int64     `json:"events,omitempty"`
	Pending   int64     `json:"pending,omitempty"` // events whose leaf has no place yet
	Erased    int64     `json:"erased,omitempty"`
	Lost      int64     `json:"lost,omitempty"` // leaves whose events were lost with a database
	Receipts  int       `json:"receipts,omitempty"`
	Anchors   int       `json:"anchors,omitempty"`
	Anchored  int64     `json:"anchored,omitempty"` // size of the newest anchor that verifies
	Findings  []Finding `json:"findings"`
}

func (r *Report) find(c Check, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Check: c, Detail: fmt.Sprintf(format, args...)})
}

func (r *Report) pass(what string) { r.Passed = append(r.Passed, what) }

// First is the first lie, or nil.
func (r *Report) First() error {
	if len(r.Findings) == 0 {
		return nil
	}
	return r.Findings[0]
}
