// Package anchor runs a whole deployment beside a real Fabric network and
// follows one consent to its receipt: leaf, witnessed checkpoint, transaction,
// the peers' signed word, the hub's shelf, a receipt that verifies offline.
// It stops what may stop without harm, and sets the hub back so that nobody but
// the anchor remembers.
//
// What always holds: everything goes through public doors and commands; every
// process ends with the test. Left out: the adapter's own steps, which
// internal/anchor/fabric kills one by one.
package anchor
