// Package trail keeps what the operator does: each act that changes something is
// kept before it is begun and again when it has ended, in rows that say who did
// what to whom, and in the log as two public statements of kind "operator".
//
// What always holds:
//
//   - Nothing is done that the trail could not take first. An act whose end is
//     missing was broken off: its outcome is unknown, and the list says so.
//   - A statement holds nothing personal: what was done, when, with which outcome,
//     and a client's id or a catalogue's version where that is the target. Who did
//     it, and to which person or credential, is closed in a commitment whose salt
//     stays in the row. Everybody can count the operator's acts; who has the row
//     can open one; an auditor with the database opens all of them.
//   - Once a person is erased, acts about that person name nobody: the row keeps the
//     digest of its statement instead of what opened it, and the log still fits.
//   - A row that was altered, added or removed contradicts the log (idp audit).
//
// Who acts is the user at the other end of the unix socket, as the kernel says.
//
// Left out: making keys, migrating and auditing, which are done without the
// service; and whether the user is the person he should be.
package trail
