// Package jcs writes and reads JSON in its one spelling (RFC 8785, the JSON
// Canonicalization Scheme), so that a digest names a value.
//
// Nearly all that is signed and digested here is plain: names in ASCII, whole
// numbers, texts without escapes by number. Transform puts that in order in one
// pass; whatever else it meets it leaves to gowebpki/jcs, from the start, refusals
// included. TestTransform and FuzzTransform hold the two to the same bytes.
//
// Decode and Unmarshal have a short way too, of one pass, for texts that are plain
// and types made of texts, whole numbers, truth values, lists, structs, and what reads and
// writes itself; where it does not know, the value is read anew by encoding/json
// or go-jose's, which alone refuse. Marshal and Sum write such types in order at
// once. FuzzDecode and TestMarshalAgrees hold them to the same answers.
//
// Left out: limits of size, which are the callers'; numbers that are not whole and
// names beyond ASCII on the short way.
//
// What always holds: Transform answers what gowebpki/jcs answers, and Unmarshal
// what go-jose's json does; Decode refuses a
// text that its value, written back, would not be.
package jcs
