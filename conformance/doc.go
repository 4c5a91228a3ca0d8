// Command conformance drives a deployment from outside, as a stranger. Its
// subcommand wallet is a scripted phone that accepts credential offers and
// answers presentation requests; provider and consumer try an agency before it is
// admitted (conformance/admit).
//
//	go run ./conformance wallet accept 'openid-credential-offer://…' --tx-code 493536
//	go run ./conformance wallet present 'openid4vp://…'
//	go run ./conformance provider --url http://127.0.0.1:8082/release
//	go run ./conformance consumer --url http://localhost:8083/
//
// Every command prints text for people, and with --json one JSON line; a
// refusal goes to standard error with the name of the check, and the exit code
// is 1. Trust anchors come from a folder that `idp trust export` wrote.
//
// Left out: negative tests, which conformance/hostile makes against a deployment
// of its own.
package main
