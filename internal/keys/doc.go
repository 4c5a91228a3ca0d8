// Package keys holds the hub's signing keys by purpose, and makes them.
//
// Purposes: token (at+jwt and id_token), record (promise, record, catalogue),
// issuer (credentials, with an x5c chain from the hub's CA), status (status
// lists, under the same CA), log (an Ed25519 note key). All but the last are
// P-256 and are used through crypto.Signer alone (RFC 7518, 3.4).
//
// The files, below the data directory:
//
//	keys/token.pem record.pem issuer.pem status.pem   private keys, PKCS #8
//	keys/issuer-chain.pem status-chain.pem            leaf first
//	keys/hub-ca.key.pem                               the hub's CA key
//	keys/log.pem log.vkey                             Ed25519 key; verifier key with the origin
//	keys/log-2.pem .vkey .change                      the key that follows it, and the change that both sign
//	keys/vapid.pem                                    the hub's key for push services (RFC 8292)
//	keys/secret                                       32 random bytes, base64url
//	hub-ca.pem                                        the hub CA's certificate
//	verifier/key.pem chain.pem                        the verifier's
//	officers/1.pem 2.pem                              two officers' keys; in a deployment the public halves
//
// The log's key changes by date (RotateLog): a time with the old key alone, a
// time with both, then the new one alone; the private half of the old one may
// then be destroyed.
//
// Left out: rotation by time of the others, and PKCS #11; a Ring answers with
// one key per purpose.
//
// What always holds: private files have mode 0600, and Load refuses one that
// others may read; Generate overwrites no key, and a
// certificate only when the service it names has moved.
package keys
