// Package openapi holds the OpenAPI 3.1 document of what agencies call
// (docs/openapi/agency.json) to the routes that there are, and each version of it
// to the ones released before: who wrote a client for one must not be broken by
// the next of the same major number.
//
// Breaking is what takes away: a path, a method, an answer, a media type, a
// member of an answer; and what asks for more: a required parameter or member; and
// another type. Adding is not breaking.
//
// Left out: OpenAPI's own schema (the document keeps to few of its words), and
// meanings, which no comparison sees.
package openapi
