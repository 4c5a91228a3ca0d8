// Package offline serves the page on which a receipt is checked in the reader's
// own browser: /receipt, and /receipt/offline.html, the same as one file that
// needs no server at all. Both run pkg/consent/receipt/reading as WebAssembly in a
// worker, against this hub's trust folder, which the page shows in full with its
// fingerprint, or against one that the reader brings.
//
// The checker is not in the repository: `make page` puts it into the folder built,
// and a program that was built without it says so on the page and names the
// command instead.
//
// Specifications: WebAssembly JavaScript Interface; CSP Level 3, 6.1.10 (script-src
// with 'wasm-unsafe-eval'), for these addresses alone; gzip (RFC 1952).
//
// Left out: keeping anything; another hub's trust folder, which its own hub gives.
//
// What always holds: a receipt never leaves the browser; once loaded the page asks
// nobody; no script stands in the served page, and the single file allows only the
// scripts whose digests its own policy names, and no connection; the checker is
// stopped when it takes too long.
package offline
