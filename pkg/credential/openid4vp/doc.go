// Package openid4vp holds the messages and the checks of OpenID for Verifiable
// Presentations 1.0, for a verifier and for a wallet.
//
// What is here:
//   - Query, the Digital Credentials Query Language (section 6) with claims path
//     pointers (section 7): parsed with limits, matched against a wallet's
//     credentials, and recomputed over what was presented;
//   - Request, a signed request by reference for response mode
//     direct_post.jwt (sections 5 and 8.2), with client identifier prefix
//     x509_hash and a fresh encryption key each (HAIP 1.0, section 5);
//   - ReadRequest, a wallet's check of such a request;
//   - Encrypt and Open, the two ends of the encrypted response (section 8.3);
//   - Evaluate, the verifier's walk over the vp_token (section 8.6).
//
// What is left out on purpose: HTTP (internal/verifier serves it, a wallet calls
// it), the Digital Credentials API, unsigned requests, other client identifier
// prefixes, response modes without encryption, transaction data, which a wallet
// must then refuse, and the mdoc format: a query for it parses, and nothing
// satisfies it.
//
// What always holds: whoever holds a Query knows that it is within the limits
// and well formed; a verifier counts on nothing that a wallet filtered, it
// recomputes the query over verified claims; a presentation with one failed
// check satisfies nothing; no claim that was not asked for leaves Evaluate.
package openid4vp
