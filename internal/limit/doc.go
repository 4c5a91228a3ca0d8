// Package limit bounds what one address, one client or one citizen may ask of a
// service, so that a flood of one leaves the others served.
//
// Three lines, from cheap to dear:
//
//   - listener.go: connections, in all and of one address; when there are too
//     many, the one that has waited longest without a complete request ends.
//   - admit.go: requests a second of one address, by a token bucket in memory.
//   - budget.go: named budgets in fixed windows, in rows that all replicas
//     share. What is asked often is claimed from its row in batches, and what is
//     used up is not asked for again before its window ends, so that a flood
//     writes next to nothing.
//
// address.go says whose request it is: the connection's peer, or, where that is
// one of our proxies, the address that the proxy saw (X-Forwarded-For; the
// Forwarded field of RFC 7239 is not read). IPv6 counts by /64. Operators may
// raise the limits of named addresses, save those of budgets that guard guesses.
//
// What always holds: a budget is spent before the answer is known, and given
// back after a good one; a store that cannot answer means refusal; memory stays
// bounded however many addresses ask; rows hold a digest, never an address or
// a name. Errors that say "too much" have the method RetryAfter.
//
// Left out: fairness between the citizens behind one address, and queues.
package limit
