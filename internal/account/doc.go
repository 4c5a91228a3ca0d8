// Package account knows the citizens: who they are in the residents' register,
// their passkeys and the history of these, their sessions, the pseudonyms they
// bear at each agency and the salts of their log entries. It is the one home of
// go-webauthn (W3C Web Authentication Level 3).
//
// The ways in:
//
//   - Enrolment: two officers sign an order (approval.Order) for a resident; a
//     letter carries its one-time code; with it the person makes the first
//     passkey (WebAuthn 7.1), or a new one after loss.
//   - Login: a discoverable passkey, user verification required (WebAuthn 7.2).
//   - Adding a passkey: first make it, then sign the key event that holds its
//     public key with one that is active. Removing: sign with another one.
//
// What always holds: a challenge serves once, within five minutes, and only for
// the browser or session that asked for it, by a row that is deleted on use; a
// session gets a new random token at every login and the store keeps only its
// hash; every passkey event is committed together with its leaf of the log; the
// last passkey is never removed; no new passkey is accepted after a loss before
// credentials are revoked and grants paused (Options.Replaced); an unknown, a
// used, an expired and an exhausted code get one answer; wrong codes cost the
// guesser's address, never the owner of a code; for 72 hours after an officers'
// order was used, passkeys sign in but approve nothing, save in development.
//
// Between the officers' order to replace and the first passkey made with it, the
// old passkeys are refused here, although the history, which only grows by
// signed events, ends them with the new one.
//
// Left out: attestation of authenticators (synced passkeys give none), conditional
// mediation, mandates, messages to the citizen (so the 72 hours protect whoever
// looks at her pages, or hears of it from the office), officers' own passkeys.
package account
