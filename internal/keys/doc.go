// Package keys holds the hub's signing keys by purpose, and makes them.
//
// Purposes: token (at+jwt and id_token), idtoken (id_tokens and logout tokens of
// clients registered for RS256, and nothing else), record (promise, record,
// catalogue), issuer (credentials, with an x5c chain from the hub's CA), status
// (status lists, under the same CA), log (an Ed25519 note key). idtoken is RSA of
// 3072 bits, log Ed25519, the others P-256; all are used through crypto.Signer
// alone (RFC 7518, 3.3 and 3.4).
//
// The files, below the data directory:
//
//	keys/token.pem record.pem issuer.pem status.pem   private keys, PKCS #8
//	keys/idtoken.pem                                  the RSA key; without it nothing is signed by RS256
//	keys/issuer-chain.pem status-chain.pem            leaf first
//	keys/token-2.pem token-2.from                     the key that follows, and from when it signs; of the others
//	keys/issuer-2-chain.pem                           likewise, with a certificate of its own
//	keys/hub-ca.key.pem                               the hub's CA key
//	keys/log.pem log.vkey                             Ed25519 key; verifier key with the origin
//	keys/log-2.pem .vkey .change                      the key that follows it, and the change that both sign
//	keys/vapid.pem                                    the hub's key for push services (RFC 8292)
//	keys/secret                                       32 random bytes, base64url
//	hub-ca.pem                                        the hub CA's certificate
//	verifier/key.pem chain.pem                        the verifier's
//	officers/1.pem 2.pem                              officers' keys; in a deployment the public halves, by any names
//	officers/former/                                  the public keys of officers who left
//
// The log's key changes by date (RotateLog): a time with the old key alone, a
// time with both, then the new one alone; the private half of the old one may
// then be destroyed. All others change by date too (Rotate): the next is published
// before it signs, the old one of tokens and id_tokens for TokenOverlap after, that
// of records, credentials and status lists for good, since what it signed is kept.
//
// Left out: another CA of the hub, which lives ten years, and PKCS #11.
//
// What always holds: private files have mode 0600, and Load refuses one that
// others may read; Generate overwrites no key, and a
// certificate only when the service it names has moved, or, of a key that does not
// change by date, when it ends within sixty days; a key of RS256 is in no set
// but the published one, and in the history of id_tokens.
package keys
