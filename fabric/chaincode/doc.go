// Command chaincode keeps the checkpoints of transparency logs on a Hyperledger Fabric
// channel, with the digests that each checkpoint carried: write-once, of growing size,
// written by nobody but the operator whom the organisations have voted for the log's
// origin.
//
// It runs as a service (Fabric's "chaincode as a service") beside the peer of one
// organisation, under TLS both ways. Each organisation runs its own process with its
// own settings: which organisations vote and how many votes register an operator. An
// organisation whose settings differ computes another result, which the endorsement
// policy (a peer of every organisation) refuses.
//
// The environment of the service:
//
//	CHAINCODE_ID                  package id, as the peer computed it at installation
//	CHAINCODE_SERVER_ADDRESS      where it listens
//	CHAINCODE_TLS_KEY             files, PEM: its key and certificate,
//	CHAINCODE_TLS_CERT
//	CHAINCODE_CLIENT_CA_CERT      and the authority of the peer's certificate
//	MYDATA_ANCHOR_ORGANISATIONS   MSP ids that vote, with commas between
//	MYDATA_ANCHOR_VOTES           how many of them register an operator: a majority
//
// Two commands prepare it: `package` makes what a peer installs, `operator` what
// administrators vote for.
//
// Requests and answers are canonical JSON (RFC 8785 for what occurs here: members in
// the order of their names, no spaces, plain integers, strings of printable ASCII), and
// a request that is not is refused, so that the same anchor is always the same bytes.
// Each refusal begins with one of the words of words.go.
//
// Left out: deleting, replacing, pausing, private data, events, and whether a root is
// right, which witnesses and auditors of the log judge.
//
// What always holds: for an origin and size there is at most one record, and it never
// changes; the newest size never shrinks; no operator is registered by fewer votes than
// this process asks for; nothing on the ledger is about a person.
package main
