// Package stage puts a whole deployment of real processes on free ports of this
// machine, in a data folder of its own, for tests that come through the public
// doors: hub, verifier, two agencies, demo wallet, three witnesses. The story
// (examples/story) makes keys, catalogue and clients; then each process is
// started by the stage itself, which can kill, stop and start it by name.
//
// It leaves out everything that a test wants to do to a deployment, and
// containers: a process is a child of the test binary.
//
// What always holds: only processes started here are signalled, each by its own
// id; none outlives the test binary, even when that is killed; nothing is kept
// once the stage is closed. The programs are built once per test binary.
package stage
