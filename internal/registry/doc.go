// Package registry holds who may use the hub: clients (RFC 7591 metadata with
// a few names of our own), and the signed catalogue of agencies, data sets and
// purposes.
//
// Sections: RFC 7591, 2 (metadata); RFC 9126, 6 (require_pushed_authorization_requests);
// RFC 9101, 10.5 (require_signed_request_object); RFC 9449, 5.2
// (dpop_bound_access_tokens); OpenID Connect Dynamic Registration 1.0, 2
// (id_token_signed_response_alg). Names of ours: agency, roles, client_name#lang.
//
// A client may register itself by an initial access token of the operator's, and
// manage its registration (RFC 7591, 3; RFC 7592); profiles by FAPI 2.0 Security
// Profile, 5.3.2 and 5.4, and HAIP 1.0, 4.
//
// Keys are given by value (jwks) or by an address (jwks_uri, for every profile): a
// client that publishes its keys changes them without an operator, and one whose key
// was stolen ends it by itself. That address is all that is fetched, by pkg/fetch, when
// somebody signs in the client's name; never at a registration. What comes is held to
// the rules of keys by value. A copy serves for five minutes; an unknown kid has the
// address asked again, twice a minute at most; while it fails the last copy serves for
// an hour. Each replica has its own copies.
//
// Left out: whatever else would have to be fetched (sector_identifier_uri,
// request_uris, logos), software statements, mutual TLS.
//
// What always holds: what a client signed is believed by the keys of its registration,
// or else of the address in it; redirect URIs are kept and compared byte for byte; a
// secret is kept as its hash and shown once; a client that may not use a grant
// or a scope by its metadata cannot by anything else; no catalogue comes in force
// that two officers did not approve byte for byte, and what they signed is on the
// public log.
package registry
