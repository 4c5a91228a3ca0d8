package keys

import (
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

// Statements are the public entries on the keys in force: of each purpose its
// kid, and of a key with a chain its certificate.
func (r *Ring) Statements(issuer string, from time.Time) []credential.IssuerKey {
	var all []credential.IssuerKey
	for _, p := range []Purpose{Token, Record, Issuer, Status} {
		k := r.keys[p]
		s := credential.IssuerKey{ID: k.kid, Issuer: issuer, Use: string(p), From: from.Unix()}
		if len(k.chain) > 0 {
			s.Certificate = credential.CertificateDigest(k.chain[0])
		}
		all = append(all, s)
	}
	return all
}
