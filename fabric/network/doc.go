// Command network starts a real Hyperledger Fabric network on this computer, without
// Docker, for tests and trials: one channel, two organisations with a peer, an
// administrator, a user and a chaincode process each, and 1, 3 or 4 raft orderers. All
// speak TLS and listen on 127.0.0.1 alone.
//
// The commands of Fabric are built by the Go toolchain from commands/go.mod, the
// chaincode from ../chaincode, both into a cache that the next start finds again. The
// program is also the peers' external builder, in the place of Fabric's own for
// chaincode as a service, which its module does not hold; the packages are the same.
//
// A network lives in one folder. Its processes are known by their pid files and by the
// folder they stand in; `down` ends these processes, no other, and removes the folder.
// A start that fails half-way does the same.
//
// Left out: certificate authorities (keys come from Fabric's cryptogen, with the authorities'
// keys left in the folder), state databases other than Fabric's own, more than one
// channel. Nothing here is fit for production; deploy/fabric says what is.
package main
