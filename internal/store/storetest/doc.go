// Package storetest holds the suites that every implementation of a domain's
// store must pass, a file a domain, and a PostgreSQL for tests to run them on.
//
// A suite takes an empty store of the domain's interface and knows nothing of
// SQL. PostgreSQL is Debian's own, started once per test binary as an ordinary
// user, in a temporary folder, without a network port; a test that needs it
// fails when it is missing, it is never skipped.
package storetest
