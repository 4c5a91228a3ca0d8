// Package oauth is the hub's authorization server, with zitadel/oidc's op
// package as a kit: the kit routes and decodes the token, introspection,
// revocation, userinfo, discovery and key endpoints and makes id_tokens;
// everything that decides is here, overriding op.LegacyServer.
//
// Specifications: RFC 6749 with RFC 9700; OpenID Connect Core 1.0 and
// Discovery 1.0 (code flow); RFC 8414 metadata; RFC 7636 PKCE, S256 alone;
// RFC 9126 PAR; RFC 9101 request objects, by value and at PAR alone; RFC 9207
// iss; RFC 7523 private_key_jwt as FAPI 2.0 narrows it (aud is the issuer, one
// string); RFC 9449 DPoP; RFC 9068 at+jwt; RFC 9396 authorization_details, each
// type owned by the package that registers it; FAPI 2.0 Security Profile, 5.3.2 and
// 5.4, and HAIP 1.0, 4 for clients registered so; RFC 7662, RFC 7009, RFC 9701; RFC 8628 for
// devices that ask, without verification_uri_complete; OpenID Connect RP-Initiated
// Logout 1.0 (its pages are internal/idp/login's) and Back-Channel Logout 1.0;
// RFC 7591 and RFC 7592 behind an initial access token, with jwks_uri; OpenID4VCI 1.0, 3.5 and 6
// for the pre-authorized code; attestation-based client authentication, draft-11
// and draft-07 (openid4vci.AttestationDraft), with OpenID4VCI 1.0, appendix E, and
// HAIP 1.0, 4.4.1.
//
// Left out: implicit and hybrid flows, client_credentials, token exchange,
// jwt-bearer as a grant, front-channel logout, request objects by URL,
// encryption of requests, id_tokens by none, PS256 or EdDSA; attestations protected by a MAC, and those that are a further
// signal beside another authentication.
//
// What always holds: what may be used once (request_uri, code, client
// assertion, proof, rotated refresh token) is used up by one atomic write to a
// row, and a store that cannot answer means refusal; a code's second use
// revokes what the first one gave; nothing is answered to a browser that did
// not begin the request; an access token is bound to a key wherever the client
// is registered so; what an attested instance was given, it alone can use; a
// subject is pairwise by registered sector; RS256 signs id_tokens and logout tokens
// of plain clients registered for it, and is believed in nothing else.
package oauth
