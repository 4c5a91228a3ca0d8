// Package registry holds who may use the hub: clients (RFC 7591 metadata with
// a few names of our own), and the signed catalogue of agencies, data sets and
// purposes.
//
// Sections: RFC 7591, 2 (metadata); RFC 9126, 6 (require_pushed_authorization_requests);
// RFC 9101, 10.5 (require_signed_request_object); RFC 9449, 5.2
// (dpop_bound_access_tokens). Names of ours: agency, roles, client_name#lang.
//
// Left out: dynamic registration (the operator registers), jwks_uri (keys are
// given by value, so that nothing is fetched).
//
// What always holds: redirect URIs are kept and compared byte for byte; a
// secret is kept as its hash and shown once; a client that may not use a grant
// or a scope by its metadata cannot by anything else; no catalogue comes in force
// that two officers did not approve byte for byte, and what they signed is on the
// public log.
package registry
