// Package dashboard is what a citizen sees: the home page, and behind the login
// my credentials (/me), my consents, my history and my passkeys. The lists also
// answer Accept: application/json.
//
// A receipt is downloaded as a file, and printed as a paper that carries the
// file's digest, also in a QR code behind # (RFC 3986, 3.5), which nobody is sent.
//
// Its neighbours, each behind an interface declared here: the consent ledger
// (ISO/IEC TS 27560 records), the credential issuer, the maker of credential
// offers (OpenID4VCI 1.0, 4.1), the assembler of receipts; and internal/account
// for passkeys and sessions.
//
// What always holds: a page shows and changes only what belongs to the citizen of
// the session, and what belongs to somebody else is answered like what does not
// exist; withdrawing, pausing and "Not me" need no JavaScript and no passkey, and
// what others paused, or "Not me" did, goes on only by a passkey (resume); all
// texts about agencies and data come from the catalogue, in the reader's language.
//
// Left out: notices of single uses, mandates, paging.
package dashboard
