// Package store makes the commits of every domain durable with database/sql,
// over SQLite (one machine), PostgreSQL and CockroachDB.
//
// A commit is a value: the rows of one domain and the log entries that belong
// to them are written in one transaction, whole or not at all, and *sql.Tx
// never leaves this package. Each domain has its own file (account.go,
// consent.go, …) holding a type that implements the interface its engine
// declares, its own migration file, and a suite in storetest that any
// implementation must pass. This file's neighbours hold what they share:
//
//   - db.go: Open, Hold; which database it is.
//   - migrate.go: the schema's history and the dialect that all three share.
//   - tx.go: inTx, the one way to run a transaction; writer.go: of SQLite's, which
//     are written one at a time, those that wait go into one.
//   - unavailable.go, pool.go, ready.go: which errors are the database's own
//     (ErrUnavailable), and what readiness asks.
//   - leaves.go: newCommit and appendLeaves, the two calls each commit makes.
//   - log.go, anchor.go, audit.go: the rows of the transparency log, and what an auditor
//     recomputes them from.
//
// What always holds: a transaction is SERIALIZABLE; its COMMIT is checked; a
// retry is a new transaction; an operation whose outcome is unknown can be
// repeated with the same commit id and is then done exactly once; an outage of
// the database is never taken for a row that is absent, nor for a conflict; all
// waiting ends with the context, or, of a caller who writes a group of commits itself
// and leaves, with the last deadline in the group, ten seconds where there is none.
//
// Left out: a schema per tenant, down-migrations, and locks across databases.
package store
