// Package document lets a citizen's wallet fetch a document from the agency that
// issues it: the hub is the agency's authorization server (OpenID4VCI 1.0, 5.1.1
// and 12.2.4; RFC 9396). A wallet asks for type openid_credential with the issuer
// in locations; the citizen logs in and agrees on this page, which names wallet,
// agency and document; the token says to the agency, encrypted to its key of the
// catalogue, who the person is.
//
// Its neighbours: internal/oauth takes the requests, leads over the page and mints
// the tokens; sdk.Issuer checks them; the catalogue says which agency issues what,
// in words that the agency signed. The hub's own card is internal/idp/issuance.
//
// What always holds: a token is for one document of one agency, for one key of
// one wallet, for five minutes, and of one agreement of a citizen whose passkey was
// used just before; there is no refresh token; neither the wallet nor the log is
// told who the person is at the agency; the hub learns nothing of what the
// document says.
//
// Left out: pre-authorized codes for agencies' own offers (agencies offer by
// authorization code); several documents in one request; a list on the dashboard of
// the documents that were fetched.
package document
