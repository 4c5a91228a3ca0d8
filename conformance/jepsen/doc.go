// Package jepsen lets random schedules loose on a deployment and proves, from a
// recorded history, that it kept its word: the real hub (`idp serve`, two of them
// on one PostgreSQL, or one on SQLite), sdk.Provider (two processes on one SQL
// journal, or one on a file) and sdk.Consumer, each a process that is killed and
// started again, citizens with software passkeys on the hub's pages. Schedules run
// beside each other: consents asked for, granted in part, denied, amended, bundled;
// used from two sides at once; paused, resumed, withdrawn meanwhile; requests and
// answers lost, processes and the database killed.
//
// Proxies before every process record what passes, with the time at which a request
// went in and the time at which its answer was there. From that, and from what the
// ledger shows at the end, the checker proves: one released plaintext for each use
// number, the identical ciphertext on a retry, no commit begun after a withdrawal,
// a pause or an amendment was acknowledged, nothing acknowledged lost, states that
// consent.Fold allows, every event proven in the witnessed log, every promise kept.
// It is itself held against forged histories in which each of these is broken.
//
// A schedule is made of its seed alone, MYDATA_JEPSEN_SEED makes the same ones again;
// when two requests meet is the machine's. MYDATA_SOAK=1 runs more.
//
// What it leaves out: lost disks, a hub that lies, clocks that jump.
//
// What always holds: it comes through the public doors, and no process outlives it.
package jepsen
