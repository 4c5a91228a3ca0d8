// Package speed measures what whole flows cost the hub, as a stranger: its
// benchmarks start a deployment (conformance/stage), send it what a wallet, a
// relying party and a citizen's browser send, and read the processor time of the
// hub's process and of no other.
//
// The floor is a process of its own too, measured in turns with the hub: it takes
// the same requests and gives the same answers, as they were seen on the wire, with
// net/http alone; does the raw P-256 verifications and signatures that the protocols
// prescribe for each; and writes the same rows into the same tables of a SQLite
// database, in as many commits as the hub makes for one person alone, by bare SQL.
//
// It leaves out reads of the database, hashes, JSON and pages' templates: they are
// the hub's own cost.
//
// What always holds: the time of preparations (a citizen enrols, asks for an offer)
// is taken off; everything else that the hub does while it is measured, its log
// and its sweeps included, counts.
package speed
