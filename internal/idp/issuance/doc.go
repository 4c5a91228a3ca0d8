// Package issuance is the Credential Issuer's face (OpenID4VCI 1.0): the
// issuer's metadata, plain and signed (12.2), credential offers (4), the Nonce
// Endpoint (7), the Credential Endpoint (8) with batches, the Deferred Credential
// Endpoint (9), encrypted messages (10), the Notification Endpoint (11), the
// descriptions of types (draft-ietf-oauth-sd-jwt-vc, "Type Metadata"), the
// authorization_details of its own configurations (5.1.1), the consent page of the
// authorization code flow, the status lists
// (draft-ietf-oauth-status-list, 8) and the hub's DID document (did:web).
//
// Its neighbours: internal/oauth guards the endpoints and leads over the
// consent page; internal/account knows the resident; pkg/credential keeps
// offers, nonces and issued credentials; pkg/credential/openid4vci holds the
// messages and the check of key proofs. Redeem is what the authorization
// server asks when a wallet shows a pre-authorized code.
//
// What always holds: a credential is issued to the citizen of the access
// token, for a key whose holder proved it over a nonce that is then spent; it is
// handed out while that token stands and the register says the same; the
// issuer_state of an authorization request is never believed; answers with
// codes, nonces or credentials are not cached; what an operator has to allow is
// issued after it was allowed, once; errors are never encrypted; the log gets identifiers, never
// claims.
//
// Left out: compression, key attestations, types that extend others.
package issuance
