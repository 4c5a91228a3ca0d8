// Package rules switches off one refusal of the product at a time and asks
// whether a test misses it.
//
// A guard is a condition under which a function of the packages in Packages
// refuses: an if whose body ends by returning an error of its own making, or one
// that it had from a check asked there; a case of a switch without a tag that
// does so; a row of a table over which a loop refuses. docs/rules.txt has a line
// for each: the guard, and the test that fails without it, or the reason why none
// does.
//
// What always holds: a guard without a line fails the short form, so nobody adds
// a refusal that nothing tests; a line whose guard is gone fails it too. The long
// form (MYDATA_SOAK=1) switches each guard off, by an overlay that leaves the
// sources alone, and runs the test that the line names.
//
// Left out: rules that are no such condition (a field that is set, an answer of
// true or false, an order of statements, an error that came with a value which is
// used next): the tests named in docs/threat-model.md hold those.
package rules
