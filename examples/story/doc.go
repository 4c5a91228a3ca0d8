// Command story starts the whole demonstration on one machine: three witnesses,
// the hub (idp), a verifier, four agencies (insurer, licence, extract, portal) and a demo
// wallet. It makes whatever is missing in the data folder, waits until all are
// healthy, prints what to open, and on Ctrl-C stops them all and waits.
//
// It plays three parts that exist outside the product: the government CA that
// certifies agencies, the agencies' offices that make their keys and sign
// their catalogue entries, and the operator who calls the idp commands. So it
// may read pkg; it never imports internal.
//
// It leaves out everything a deployment needs: its keys are files, its services
// speak plain http on loop-back, and its residents are invented.
//
// What always holds: a second run keeps keys, database and history; nothing is
// downloaded; no child outlives it.
package main
