// Package death closes what could still be done in the name of a person who died.
//
// Two officers sign the order (approval.Death); it names the person by a salted
// commitment. First of all one transaction closes the account: passkeys,
// sessions and orders to enrol end, and none begins any more. That row is what
// the rest goes by, since no transaction spans two stores: then offers and
// tokens end, every credential is revoked, and every grant invalidated, for the
// reason that both agencies and whoever reads the person's history see. What
// breaks off in between goes on with the next pass, also after the process died.
//
// Left out: erasure, which is an order of its own and may come when the law's
// time is over (package erasure); what agencies hold; heirs, who come to the
// counter; a way back, which is for a court.
//
// What always holds: an account that is closed stays closed; an order carried
// out before changes nothing; an account counts as settled only by a pass that
// began a minute or more after it was closed, when no request from before is
// under way, and that found nothing more to end.
package death
