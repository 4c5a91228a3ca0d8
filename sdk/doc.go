// Package sdk is the door for an agency: what two programmers need to give,
// to ask for, and to verify a citizen's data, in an afternoon.
//
//   - Provider is an http.Handler around one function of yours that finds a
//     record. It makes every check before it calls you, drops each field that
//     was not granted, derives what was asked, signs, encrypts, commits at the
//     hub before the first byte leaves, and answers a retry with the very same
//     bytes.
//   - Consumer logs a citizen in, asks for facts, completes the answer, and
//     uses a grant again until it ends or is withdrawn.
//   - Verifier checks a credential that somebody presents.
//   - Issuer gives wallets an agency's own documents, with the hub as
//     authorization server.
//   - Signals hears from the hub what becomes of grants, for Provider and Consumer.
//
// Their tests run against sdk/sdktest, their first afternoon against
// `idp serve --sandbox`.
//
// Specifications: OpenID Connect Core 1.0 (3.1), RFC 9126 (PAR), RFC 9101
// (signed request objects), RFC 9396 (authorization details), RFC 7636 (PKCE),
// RFC 7523 (private_key_jwt), RFC 9449 (DPoP), RFC 9207 (iss), RFC 9180
// (HPKE), RFC 9901 (SD-JWT), OpenID4VCI 1.0 (4.1, 6.2, 7, 8, 9, 11, 12.2), Token Status List,
// RFC 9457 (problem documents).
//
// Both ends of a release hold what the hub promises, that the use is in its log
// by a time, until the log has proven it under a witnessed checkpoint. What is
// not proven in time is told (BrokenPromise) and, by policy, stops what follows.
// Close ends these checks.
//
// What always holds. No check has an option to skip it. Trust comes from a
// folder that you configure (LoadTrust), never from the hub. Nothing is
// fetched except by https, with time and size limits; plain http is for
// loop-back in development alone. What must not be forgotten is in a Journal
// before the step that depends on it. Errors are typed: *Error names the check
// that failed and who must act; what is logged are identifiers, never claims.
//
// What only reads is asked again when the other side cannot answer now, a few
// times and ever more slowly; a release too, since it is idempotent. A journal is
// a file of one process, or a table of your database for several; their replay
// caches of proofs are each process's own, and a replay gets the same bytes.
//
// Left out: pages, sessions and storage of what you learn; they are yours. An
// Issuer takes no encrypted requests, and offers by authorization code alone. Preview, mandates and access without consent are not
// there yet.
package sdk
