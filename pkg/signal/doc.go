// Package signal is what the hub tells others of a grant: to an agency as a
// security event token (RFC 8417), to a citizen as nothing more than that
// something happened.
//
// A token has one event (2.2), whose name is urn:mydata:event: and the kind. Its
// subject is the grant (sub_id of format "opaque", RFC 9493, 3.2.8); there is no
// sub, since whose grant it is the recipient knows or need not know. The event's
// seq counts what this audience was told, from 1 and without a gap, so that a
// recipient notices what is missing. toe (2.2) is when it happened, iat when it
// was put down, txn what happened together. There is no exp (2.2 advises
// against it): what happened stays so.
//
// Tokens are ES256 with typ secevent+jwt (2.3) and kid; the key is never taken
// from the token. Open's errors name the check, what was found and who mends it,
// and Code is the word of RFC 8935, 2.4.
//
// Left out: encrypted tokens, several events in one, several audiences.
//
// What always holds: a signal says nothing personal; the same signal has the same
// jti, however often it is signed; Open ignores claims that it does not know
// (RFC 7519, 4) and believes none before the signature.
package signal
