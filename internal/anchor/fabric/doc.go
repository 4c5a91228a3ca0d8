// Package fabric is anchor.Chain on a Hyperledger Fabric network: the one home
// of fabric-gateway. It writes through the Gateway service of a peer (Fabric
// 2.4 and later), and reads each organisation's own peer through its Endorser
// service, so that the full proposal and signed answer can be kept as a proof
// (pkg/tlog/endorsement).
//
// What always holds: every connection is under TLS, to a host that the
// organisation's own CA vouches for; nothing reaches the orderers but the
// bytes that Prepare gave and somebody submits; what a peer answers is not
// believed here, the proof's verifier judges it; no error of the network is
// taken for a verdict of the chaincode.
//
// Left out: networks older than the Gateway service (fabric/sdkanchor), client
// certificates towards peers, and discovery: the connection file names a peer
// of each organisation.
package fabric
