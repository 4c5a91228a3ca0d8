// Package abuse takes away what a deployment stands on, and floods it, through
// the doors that anybody has: database, disk, witnesses, hub; slow connections,
// bombs, floods of every kind from many addresses of this machine.
//
// It asks three things. While something is out, readiness names it, whoever
// needs it is told 503 and when to come back, at once or at the request's end,
// and nobody is told anything wrong. When it is back, everything goes on without
// a restart. And while strangers flood the doors, every good request succeeds.
//
// It leaves out floods that fill the line before us, and floods from more
// addresses than a test may have.
//
// What always holds: only processes of the test's own stage are touched, and
// every flood ends with its test.
package abuse
