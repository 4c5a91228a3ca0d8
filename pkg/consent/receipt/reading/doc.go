// Package reading checks a receipt for a person who holds a file: bytes in, the
// verdict out, with every check, the terms in both languages, and exactly what
// was trusted. The page that runs in a browser is this package compiled to
// WebAssembly; it says what `idp receipt verify` says, because both show what
// pkg/consent/receipt found.
//
// A trust folder comes as files, or as one ZIP archive of them (APPNOTE 6.3.10,
// stored or deflated). A folder fabric inside it also has the anchors checked.
//
// Left out: fetching anything; asking peers of a Fabric channel now; the
// catalogue, with which a receipt's texts could be compared.
//
// What always holds: outside bytes are bounded in size, number and depth before
// they are read; what cannot be read is refused with a check, a cause and who can
// mend it; what a file says is shown as claimed, unless its receipt holds.
package reading
