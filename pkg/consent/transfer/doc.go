// Package transfer holds what one transfer consists of between token and
// countersignature, and the checks of both ends.
//
// The hub mints an access token whose claims are TokenClaims (RFC 9068, RFC
// 9396, bound by RFC 9449) and whose mydata_sealed part only the provider can
// read. A provider runs Provider.Check over what arrived, before it loads
// anything; a consumer runs Consumer.Check over what came back, before it
// uses anything. Neither has an option to skip a check. Each refusal is a
// *Refusal that names the check, what was found, and who must act.
//
// What a hub alone cannot forge is checked here: the consumer's signature
// over the request (its chain ends at the government CA of consent.Trust),
// the citizen's passkey assertion over the terms, and the passkey's history,
// whose every record must be in a witnessed checkpoint of the log.
//
// Left out: transport, storage and encryption of the evidence. The package
// opens no connection and imports neither net/http's client nor envelope:
// the hub imports it to seal tokens, and the hub must have no way to read a
// release.
package transfer
