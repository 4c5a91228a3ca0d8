// Package verifier is the verifier's server: it asks a wallet for a
// presentation (OpenID4VP 1.0, HAIP 1.0, 5.1), judges the answer, and shows the
// result on a page and to the command.
//
// Its neighbours: pkg/credential/openid4vp for the protocol, pkg/credential for
// the checks, internal/web for the frame of the pages, cmd/verifier for
// configuration and wiring.
//
// A page asks twice at once: by QR for a wallet on another device, without
// redirect, and by link for a wallet on this one, with a redirect back that
// carries a fresh response_code. The two have nonces, states and keys of their
// own; the first answer that opens is the answer, and ends the other.
//
// What always holds: a request is answered once; what does not decrypt to its
// state changes nothing; the result of the link is shown only after the
// response_code came back in the browser session that started it, and a code
// that lands elsewhere rejects the result (section 14.2 on session fixation);
// only what the query asked for is shown; the page belongs to the browser that
// started it; logs hold identifiers and names of checks, never claims.
//
// Sessions are kept in memory, bounded in number and in time, and nowhere else:
// claims of people are not written to a disk that nobody erases. A restart
// forgets the requests under way, whose wallets are then told that the request
// is unknown; nothing else is lost, as results are for the one who waits.
//
// Relying parties order their own questions by the command's socket or, with a
// token, by a local address (Order): any DCQL, transaction data of registered
// types, each client identifier prefix that this verifier can speak for, either
// response mode. They get result and record; the person can be sent to a page of
// ours (bound to the first browser that opens it) or back to theirs with a
// response_code, without which the result stays closed.
//
// A QR code binds nobody: match.go says what is done about it. What is left of
// it is in docs/threat-model.md.
//
// Left out: keeping records, several replicas, the Digital Credentials API, the
// response modes fragment and query.
package verifier
