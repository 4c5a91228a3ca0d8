// Package figure holds the numbers that the documents give to what tests
// counted: attempts, kills, faults, rules. A test that counts calls Hold once
// with its count; docs/figures/NAME.txt keeps the number and what it counts, and
// docs/threat-model.md shows all of them between its marks.
//
// It leaves out measurements: a figure is the same on every machine.
//
// What always holds: a number in the documents was counted by the test that
// names it, and MYDATA_UPDATE=1 is the only way to another one.
package figure
