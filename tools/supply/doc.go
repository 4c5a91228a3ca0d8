// Supply says what our programs are made of. It reads modules and licences, and
// writes docs/licences.md and one CycloneDX 1.7 bill of materials per binary.
//
//	supply licences PACKAGE...      the table, to standard output
//	supply sbom --out DIR BINARY... DIR/NAME.cdx.json for each
//
// Modules come from the linker's own list (go list -deps for the table,
// debug/buildinfo for a binary), licences from the text that each module ships,
// recognised by github.com/google/licensecheck, which pkg.go.dev uses too.
//
// It leaves out tools and test dependencies: nothing of theirs reaches a user.
//
// What always holds: a module whose licence is not known, or not on the list of
// licences that we accept, is an error; the same input gives the same bytes.
package main
