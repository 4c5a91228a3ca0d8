// Package hostile attacks a deployment through its public doors: a table of bad
// inputs for every endpoint and parser of the way from enrolment to withdrawal.
// The deployment runs as real processes with PostgreSQL, which is stricter than
// SQLite about the bytes that it takes.
//
// What always holds, for every input: the answer is a refusal (4xx, or an error
// redirect where the protocol has one) with the very code that its specification
// names; on our own API it names the check, the cause and who can mend it; it
// echoes nothing of the input that a browser would run, and nothing of our
// insides; and afterwards nothing has changed: not the citizens' credentials,
// consents, history and passkeys, not the agencies' lists, not the log. No process
// has written a line that calls for an operator.
//
// It leaves out what only a unit test can reach, and load.
package hostile
