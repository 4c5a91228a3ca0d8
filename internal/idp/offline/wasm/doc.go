// Command wasm is the receipt checker in two shapes. Compiled for a browser
// (GOOS=js GOARCH=wasm) it is the checker: it offers pkg/consent/receipt/reading
// to the page as two functions that take bytes and answer JSON. Run on a computer
// it makes the former:
//
//	go run ./internal/idp/offline/wasm --out internal/idp/offline/built
//
// It compiles itself without symbols, packs it (RFC 1952) and puts Go's own
// loader beside it. Nothing depends on time or place, so that the same source
// and Go give the same bytes.
//
// Left out: the page around it, which internal/idp/offline serves.
//
// What always holds: the checker has no file, no network and no clock that it
// needs; an input that cannot be read is answered, never a panic.
package main
