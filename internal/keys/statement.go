package keys

import (
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/did"
)

// Statements are the public entries on the keys in force, and on those that will be:
// of each its kid, and of a key with a chain its certificate.
func (r *Ring) Statements(issuer string, from time.Time) []credential.IssuerKey {
	var all []credential.IssuerKey
	for _, p := range purposes {
		for _, k := range r.series[p] {
			s := credential.IssuerKey{ID: k.kid, Issuer: issuer, Use: string(p), From: from.Unix()}
			if k.from.After(from) {
				s.From = k.from.Unix()
			}
			if len(k.chain) > 0 {
				s.Certificate = credential.CertificateDigest(k.chain[0])
			}
			all = append(all, s)
		}
	}
	return all
}

// Document is the issuer's did:web and its DID document: the keys of credentials
// and of status lists, which may assert and do nothing else, with those that will
// sign and those whose credentials are still about. The same keys make the same bytes.
func (r *Ring) Document(issuer string) (id string, text []byte, err error) {
	if id, err = did.FromURL(issuer); err != nil {
		return "", nil, err
	}
	public := map[string]jose.JSONWebKey{}
	for _, p := range []Purpose{Issuer, Status} {
		for _, k := range r.series[p] {
			public[k.kid] = k.jwk()
		}
	}
	document, err := did.New(id, public)
	if err != nil {
		return "", nil, err
	}
	document.Authentication = nil
	text, err = document.Marshal()
	return id, text, err
}
