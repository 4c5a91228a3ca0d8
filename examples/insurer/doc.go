// Command insurer plays the health insurer: it holds check-ups and releases, to
// agencies whom the citizen allowed, the few facts that were granted. It is
// built on sdk alone: one function that finds a record, and one for each derived
// fact. Its page lists what left and what stayed, by names, never by values.
//
// Check-ups are keyed by the resident identifier. Two residents bear one name;
// no name is ever compared.
package main
