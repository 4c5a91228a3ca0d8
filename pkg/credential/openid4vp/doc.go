// Package openid4vp holds the messages and the checks of OpenID for Verifiable
// Presentations 1.0, for a verifier and for a wallet.
//
// What is here:
//   - Query, the Digital Credentials Query Language (section 6) with claims path
//     pointers (section 7): parsed with limits, matched against a wallet's
//     credentials, and recomputed over what was presented;
//   - Request: by reference, by value or, with the prefix redirect_uri alone,
//     unsigned (section 5), under an Identity: x509_hash, x509_san_dns,
//     verifier_attestation (sections 5.9.3 and 12); for a Caller, whose nonce is
//     echoed and whose metadata is obeyed (section 5.10);
//   - ReadRequest and ReadUnsigned, a wallet's check of such a request by its Trust,
//     which is HAIP 1.0 unless more is switched on;
//   - Transaction, data that the holder authorizes, of registered types (sections
//     5.1, 8.4, B.3.3);
//   - Answer and OpenForm, the two ends of the response, encrypted or not (sections
//     8.2 and 8.3);
//   - Evaluate, the verifier's walk over the vp_token (section 8.6).
//
// What is left out on purpose: HTTP (internal/verifier serves it, a wallet calls
// it), the Digital Credentials API, response modes that redirect (fragment, query),
// scope for a query, the prefixes decentralized_identifier and openid_federation,
// trusted authorities other than aki (a verifier does not ask by them, a wallet
// finds them met by nothing), and the mdoc format: a query for it parses, and
// nothing satisfies it.
//
// What always holds: whoever holds a Query knows that it is within the limits
// and well formed; a verifier counts on nothing that a wallet filtered, it
// recomputes the query over verified claims; a presentation with one failed
// check satisfies nothing, and one bound to another request rejects all; no claim
// that was not asked for leaves Evaluate; a key comes from client_id and from
// nowhere else.
package openid4vp
