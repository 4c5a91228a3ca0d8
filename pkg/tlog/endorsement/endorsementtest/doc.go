// Package endorsementtest is a Fabric channel on paper, for tests that need an
// anchor of a checkpoint of their own: organisations with real certificates,
// a configuration that holds them, and peers that answer and sign as Fabric's
// do. What real peers sign is in the parent's testdata.
//
// Left out: everything that keeps state. A question or an answer can be bent
// before it is signed.
//
// What always holds: an unbent proof passes the parent's Verify.
package endorsementtest
