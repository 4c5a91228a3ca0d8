package consenttest

import "github.com/govmydata/mydata/pkg/consent"

// Deleted is the consumer's statement that it deleted what it learned, up to a
// use. bend may change it before it is signed.
func (w *World) Deleted(r consent.Record, uses int, bend func(*consent.DeletedClaims)) string {
	c := consent.DeletedClaims{
		Issuer: w.Consumer.ID, Audience: w.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Uses: uses, At: w.Now().Unix(),
	}
	if bend != nil {
		bend(&c)
	}
	jws, err := consent.SignDeleted(c, w.Consumer.Key, w.Consumer.Chain)
	must(err)
	return jws
}
