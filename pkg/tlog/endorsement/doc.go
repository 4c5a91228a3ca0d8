// Package endorsement reads, offline, what peers of a Hyperledger Fabric
// channel said about an anchored checkpoint. It uses protowire and crypto/x509
// alone, no Fabric library.
//
// An anchor is a checkpoint (origin, size, root) that the chaincode keeps
// write-once. An endorsement of the transaction that writes it proves a
// simulation only: two roots for one size can both be endorsed before either
// is committed. So a proof is made afterwards: a peer of each organisation is
// asked the chaincode's function Get(origin, size), nothing is submitted, and
// the question and the signed answer are kept whole.
//
// What a proof claims: these organisations' peers, each under a certificate
// that counts in the pinned configuration of the channel, signed that their
// own state holds this record for this origin and size, read at a version that
// a block had committed. What it does not claim: that they told the truth (as
// many organisations as the quorum, together, can lie); which block; that the
// log is consistent, which witnesses and auditors see; when. The time in a
// proof is the asker's word: it chooses the pinned configuration and the moment
// at which a certificate has to be valid, and the thief of a peer's key can
// backdate it until the certificate is on a revocation list. A certificate
// revoked in any pinned configuration counts nowhere, whatever its time.
//
// The rules are Fabric's: the proposal's hash is SHA-256 over channel header,
// signature header and chaincode payload without transient data
// (protoutil.GetProposalHash1), the endorser signs the response's payload
// followed by its own serialized identity, S in the lower half
// (bccsp/utils.IsLowS); a peer is an identity with exactly one role among the
// NodeOUs, under one chain to the organisation's roots (msp, version 1.4.3).
// Stricter than Fabric: every message has its fields in order, each at most
// once, none unknown, in the shortest spelling; NodeOUs are asked for; a
// certificate has to be valid at the proposal's time; a revocation list counts
// by its issuer's name or key identifier, without asking for its signature,
// since the configuration is what is trusted.
//
// Left out: identities of Idemix, Ed25519 and RSA keys, SHA3; how a
// configuration came to be (orderers' signatures over blocks): a trust folder
// is compared by its fingerprint, by another way.
//
// What always holds: nothing is fetched; a proof that differs in any byte from
// one that passes is refused with an *Error that names the check; the zero
// Trust accepts nothing.
package endorsement
