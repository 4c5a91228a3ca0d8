// Package report is what a conformance command says of a deployment or an agency:
// one line for each case, as text, JSON and JUnit XML.
//
// It leaves out pages; conformance/admit has one of its own.
//
// What always holds: a report in which nothing passed is not a pass.
package report
