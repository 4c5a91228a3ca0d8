// Package consent holds the terms a citizen approves, the record of what then
// happened, and the ledger that decides.
//
// Terms are immutable, canonical JSON (RFC 8785), identified by SHA-256; their
// fields follow ISO/IEC TS 27560:2023. The hub derives them from a request that
// the consumer signed, as RFC 9396 authorization_details; Narrow lets anybody
// check that nothing but the allowed was changed. Apply is the only state
// machine: the ledger accepts events with it, an auditor and a receipt are
// checked with it. A Commit is a value that a Store makes durable whole.
//
// Left out, and refused by name where a request uses it: mandates, previews,
// access by law or in an emergency.
//
// What always holds: no use without an active grant at that moment; no use
// number twice; nothing after withdrawal; a record equals the fold of its
// events; leaves are salted commitments, and the digests in events name nobody.
package consent
