package main

import "fmt"

// The words that every refusal begins with; callers branch on them.
const (
	wordConflict    = "CONFLICT"    // another content is there already
	wordBehind      = "BEHIND"      // the time for this has passed
	wordForeign     = "FOREIGN"     // the writer is not the operator of this origin
	wordUnsigned    = "UNSIGNED"    // the log did not sign this checkpoint
	wordInvalid     = "INVALID"     // the request breaks the form
	wordNotFound    = "NOTFOUND"    // nothing is recorded under this
	wordNotAdmin    = "NOTADMIN"    // the voter is no administrator of a voting organisation
	wordVoted       = "VOTED"       // the organisation has voted on this version
	wordUnavailable = "UNAVAILABLE" // the peer did not serve its ledger: not a verdict, ask again
)

type refusal struct{ word, text string }

func (r *refusal) Error() string { return r.word + ": " + r.text }

func refuse(word, format string, args ...any) error {
	return &refusal{word, fmt.Sprintf(format, args...)}
}
