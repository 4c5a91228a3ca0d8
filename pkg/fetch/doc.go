// Package fetch is the one door through which this product asks addresses that
// somebody else chose: the documents of issuers, of DIDs and of clients, status
// lists, and what is pushed to registered endpoints.
//
// What may be dialled is judged by the address of the connection itself, after
// the name was resolved and before a byte is sent: a name that leads elsewhere at
// its second look-up (rebinding), a redirect and an address in disguise meet the
// same judge. Only the public Internet passes: nothing of IANA's special purpose
// registries (RFC 6890: private, shared, loop-back, link-local, unique local,
// documentation, multicast, reserved), nothing outside 2000::/3 of IPv6, so no
// IPv4-mapped and no NAT64 (RFC 6052) either, no 6to4 and no Teredo, and no
// address at which clouds tell machines their secrets.
//
// It leaves out proxies, cookies, and retries; allow lists of hosts, which are
// the caller's policy; an operator's own networks at public addresses, which his
// firewall knows; and a NAT64 gateway's own prefix, which nobody else can tell
// from the Internet: where there is one, it has to drop private addresses.
//
// What always holds: https, save to this machine in development; certificates are
// verified; no environment variable leads a request elsewhere; every exchange
// ends in time, and what Get reads in size, after decompression too; each redirect
// is checked as the first address was, stays on its host where the caller wants
// that, and their number is bounded; neither an error nor a header tells anybody
// the path of the address, which may be a secret.
package fetch
