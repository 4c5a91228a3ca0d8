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
// Left out: jwks_uri and whatever else would have to be fetched (keys are given by
// value), software statements, mutual TLS.
//
// What always holds: redirect URIs are kept and compared byte for byte; a
// secret is kept as its hash and shown once; a client that may not use a grant
// or a scope by its metadata cannot by anything else; no catalogue comes in force
// that two officers did not approve byte for byte, and what they signed is on the
// public log.
package registry
