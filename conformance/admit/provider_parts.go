package admit

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// secure is the rule of addresses: https, or this machine.
func secure(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if host := u.Hostname(); u.Scheme == "https" || host == "localhost" || net.ParseIP(host).IsLoopback() {
		return nil
	}
	return errors.New("it is plain http, and not on this machine")
}

// promise signs a promise for a commit, changed by bend.
func (b *Bench) promise(commit string, key *ecdsa.PrivateKey, bend func(*consent.PromiseClaims)) (string, error) {
	c, err := consent.OpenCommit(commit, b.world.Trust.AgencyRoots)
	if err != nil {
		return "", err
	}
	now := b.now().Unix()
	p := consent.PromiseClaims{Issuer: b.options.Issuer, Audience: c.Issuer, IssuedAt: now, GrantID: c.GrantID, Use: c.Use,
		Commit: consent.DigestOf(commit), Nonce: c.Nonce, Leaf: consent.Encode(make([]byte, 32)), Deadline: now + 60}
	if bend != nil {
		bend(&p)
	}
	return sign(key, b.kid(), consent.PromiseJWT, p)
}

// acknowledge posts a countersignature of what came, by whom.
func (a *asked) acknowledge(ctx context.Context, got answer, by consenttest.Agency) (int, error) {
	parsed, err := transfer.ParseReleaseAnswer(got.body)
	if err != nil {
		return 0, err
	}
	jws, err := consent.SignReceived(consent.ReceivedClaims{Issuer: by.ID, Audience: a.b.options.Issuer, IssuedAt: a.b.now().Unix(),
		GrantID: a.record.Grant, Use: a.Token.Details[0].Use, Commit: consent.DigestOf(parsed.Commit)}, by.Key, by.Chain)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.b.options.URL, strings.NewReader(jws))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/jose")
	res, err := a.b.client.Do(r)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}
