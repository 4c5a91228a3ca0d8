// Package notify is the outbox's reading half: it tells agencies what happened to
// grants, as security event tokens (RFC 8417, pkg/signal), and citizens that
// something did.
//
// To an agency that lists an address (signals) in the entry it signed, tokens are
// pushed (RFC 8935): one after the other, in their order, until each was taken
// (202). What fails is tried again after twice the time, with jitter, up to an
// hour; after a week it is put aside and counted. An agency may as well poll
// (RFC 8936), with or without an address; what it acknowledges is forgotten.
//
// What was put aside for an agency an operator can see, and have told again.
//
// Several replicas share the work by a lease for each audience. It is for thrift,
// not safety: a token may come twice, with the same jti.
//
// What always holds: an address is https and is judged when it is dialled, by
// where it leads then: to no private, loop-back, link-local or other special
// network; no redirect is followed; an answer is bounded in size and time. A
// number is given once. A signal leaves the outbox when it was taken, or refused
// for good, or is too old, and in the last two cases somebody counts it. A
// citizen's message names nobody, no agency and no data.
//
// Left out: subscriptions to some kinds alone, encrypted tokens, verification
// events (OpenID Shared Signals), a signed answer of the recipient.
package notify
