// Package pair walks the second pair of agencies, which were written from the README
// alone: the town hall that issues resident extracts (examples/extract) and the
// housing-benefit portal that asks it and the insurer at once (examples/portal),
// through real processes and the hub's own pages.
//
// It leaves out what conformance/{hostile,crash,signals} show of the first pair; both
// stand on the same SDK.
//
// What always holds: people here go through the pages, and no log of any process
// tells anything about them.
package pair
