// Package approval is the page on which a citizen reads what an agency asks for
// and signs it, or refuses, with a passkey.
//
// What is signed is not this page but the terms that the ledger derives from
// the agency's signed request and the ticks: the WebAuthn challenge is a digest
// of them (pkg/consent/approval). The page shows the same texts, from the same
// catalogue, and reads back everything else from the signed request.
//
// What always holds: only the person whom the request names sees or signs it;
// required claims are not offered as a choice; a page loaded twice, or again
// after the signature, leads on and signs nothing a second time; refusing needs
// no passkey and no JavaScript; a login that ends meanwhile loses nothing: the
// next one leads back here.
//
// A bundle is one page and one signature over the parts left ticked; what was
// unticked is refused by it.
//
// Left out: preview of the values, mandates.
package approval
