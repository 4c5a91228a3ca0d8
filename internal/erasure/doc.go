// Package erasure deletes everything that the hub knows of a person: after a
// death, by order of a court, or because the person asked for all of it to go.
//
// Two officers sign the order (approval.Erasure); it names the person by a
// salted commitment, and its digest is all that the operator's trail and the
// public log keep of whom it was. Standing grants are ended first, so that both
// agencies hear of it; tokens, sessions, offers and credentials end as after the
// loss of a phone; then one transaction deletes the rows and with them the
// person's own key, from which the salts of all leaves were derived. The leaves
// stay, and an auditor counts them as tombstones.
//
// After a restore, Missing names the orders that the log says were carried out and
// the database has forgotten.
//
// Left out: what agencies hold of the person (they are told that the grants
// ended, and say what they deleted), the register of residents, and backups,
// which keep what they hold until they expire.
//
// What always holds: while a legal hold is set nothing is erased; for a person's
// own wish nothing is erased before the law's time is over; an order that broke
// off is given again, and goes on; an order is carried out once, and not on an
// account that the person made afterwards.
package erasure
