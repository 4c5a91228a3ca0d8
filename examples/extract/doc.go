// Command extract plays a town hall that keeps the resident register: it issues
// the resident extract to citizens' wallets (sdk.Issuer), and releases single facts
// of it to agencies whom the citizen allowed (sdk.Provider). Both doors stand on
// one function that finds a record. It is built on sdk alone, as an agency would
// from the README.
//
// A person has one extract that is good: issuing another revokes the one before.
// Its page offers the extract and lists what left, by names, never by values.
// Left out: everything else that a town hall does, and officers who log in.
package main
