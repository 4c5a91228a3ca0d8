// Package admin is the operator's door: an HTTP handler that is served on a unix
// socket of mode 0600 alone, and the Client by which the commands use it. Who may
// open the socket is the operator; there is no other authentication here.
//
//	POST /enrol      {resident, replace} or {order}  -> {url, code, expires, letter}
//	POST /offer      {resident, config, grant, tx_code} -> {credential_offer, tx_code}
//	POST /revoke     {credential}
//	POST /consent/invalidate {grant, reason} -> {state, reason}
//	POST /client     {metadata}  -> {client_id, client_secret}
//	POST /catalogue  {catalogue} -> {version}
//	GET  /trust      -> {files}
//	GET  /residents  -> {residents}
//	GET  /trail?since&limit -> {acts}
//
// Its neighbours, each a small interface or a function declared here and given by
// cmd: accounts, the credential issuer and its offers, the ledger of consents, the registry of clients,
// the trust files.
//
// What always holds: an enrolment stands on an order signed by two officers. In
// development the service holds two officers' keys itself and signs; anywhere
// else it has none, and the order must come signed (account.SignedOrder). A
// letter is the only place where a code is written down. Whatever changes
// something is kept in the trail first, under the user whom the system names at
// the other end of the socket; for nobody else anything is done.
//
// Left out: printing: a letter is an HTML file with a print stylesheet, in Korean and
// English, because PDF writers leave out what a screen reader needs.
package admin
