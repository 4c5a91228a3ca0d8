// Package catalogue is the public list that every party reads: agencies with
// their release addresses and encryption keys, data sets with their schemas,
// fields and derived claims, the purposes for which they may be asked, each
// with its fair-use bounds, and templates: objects of their own, with versions,
// that say how a purpose may be asked for (which fields, how often, how long).
//
// A snapshot travels as a JWS by the hub (typ mydata-catalogue+jwt). The hub
// cannot put words into an agency's mouth: what an agency says of itself (name,
// contact, release address, encryption key) is in an entry that the agency
// signs (typ mydata-agency+jwt) with a key whose certificate chains to the
// government CA and names the agency in a URI SAN. Open checks both.
//
// The package is also the home of agency signatures in general (SignAs,
// OpenSigned), because the catalogue is the lowest place that needs them. Hashes
// of schemas are SHA-256 over the JSON Canonicalization Scheme (RFC 8785);
// schemas are JSON Schema 2020-12 and never load anything from elsewhere.
//
// Left out: storage, publication and four eyes, which internal/registry does;
// legal bases other than consent.
//
// What always holds: a *Catalogue that came out of Open is complete and
// consistent: ids are unique, every reference resolves, every text is there in
// Korean and English, every agency entry is the agency's own.
package catalogue
