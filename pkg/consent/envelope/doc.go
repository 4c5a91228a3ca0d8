// Package envelope encrypts one release to the recipient key of one grant.
//
// It is HPKE (RFC 9180) in base mode as the standard library's crypto/hpke
// implements it, with one suite and no choice: KEM MLKEM768-X25519
// (draft-ietf-hpke-pq, also known as X-Wing), HKDF-SHA256, AES-256-GCM. The
// hybrid KEM keeps what is released today unreadable for who records it now
// and owns a quantum computer later.
//
// What a ciphertext is bound to goes into HPKE's info: the grant, the use
// number and the hash of the data set's schema. Opening with any other of the
// three fails. The sender is not authenticated here: the evidence inside is
// signed, and the provider's commit names the ciphertext's digest.
//
// Left out: choice of suites, several recipients, streaming. A recipient key
// belongs to one grant and is thrown away with it.
//
// Nothing that runs in the hub may import this package: the hub never sees
// what is transferred.
package envelope
