// Package agency is the door for agencies' programs: a provider's commit before
// the first byte of a release, a consumer's countersignature afterwards, the
// consumer's receipts; and the OAuth detail type by which a consumer's request
// comes in and its tokens go out (RFC 9396, Transfers).
//
// Every body is a compact JWS by the agency's certificate key, which is also its
// authentication: there is no session and no token here. Refusals are problem
// documents (RFC 9457) with a code to branch on, the check that failed, its
// cause, and who must mend it.
//
// Signals to agencies are polled here (RFC 8936), by a call that the agency's
// key signs over its body; a provider says here that a late delivery is ready.
//
// Left out: the payload, which never comes here: the hub
// sees digests alone.
//
// What always holds: a promise is answered only for a commit that is durable;
// repeating any request changes nothing; an unknown error is answered without
// its detail, and the outcome may be asked again.
package agency
