// Command licence plays the driving licence agency: it renews a licence without
// a second eyesight test, by asking the citizen for one fact that the health
// insurer already has. It is built on sdk alone, as an agency would.
//
// What it keeps of a citizen is its own record, found by nothing but the
// pseudonym that the hub gives this agency. Left out: everything else that a
// licence agency does.
package main
