// Package silence asks whether a deployment keeps to itself what it is told. It
// puts proxies before every process, hears every request and every answer between
// all parties, and looks for what it heard in what the processes wrote.
//
// A value is heard in headers (cookies, authorization, DPoP), addresses (path,
// query), forms, JSON and pages; tokens are opened and their claims heard too. It
// is looked for as it is and as JSON, an address or base64 would write it.
//
// What always holds: whatever is not known to be harmless is a secret. Harmless
// is what anybody may read (metadata, keys, the log, the catalogue), words of the
// protocols, times, and identifiers: of grants, clients, agencies, interactions
// and requests.
//
// Left out: values of fewer than eight characters, which are found by chance;
// who knows such a value names it (Secrets.Add).
package silence
