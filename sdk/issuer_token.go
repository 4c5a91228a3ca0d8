package sdk

import (
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/dpop"
)

// maxIssuanceToken bounds an access token, maxIssuanceLife its life: it cannot
// be revoked here.
const (
	maxIssuanceToken = 16 << 10
	maxIssuanceLife  = 10 * 60
)

// issuanceToken is what the hub says: this wallet may fetch this document for
// this person.
type issuanceToken struct {
	Client string
	Detail openid4vci.Detail
	Who    Subject
}

func badToken(check, cause string) *Error {
	reason := "invalid_token"
	if check == "proof" {
		reason = "invalid_dpop_proof"
	}
	return &Error{By: "sdk", Reason: reason, Check: check, Cause: cause, Mender: "wallet", Status: http.StatusUnauthorized}
}

// token checks a request's access token (RFC 9068, 4), with the hub's keys of the
// trust folder, and that the request to this path is by its holder (RFC 9449, 7).
func (i *Issuer) token(r *http.Request, path string) (issuanceToken, error) {
	var none issuanceToken
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 {
		return none, badToken("token", "send one access token")
	}
	scheme, raw, ok := strings.Cut(fields[0], " ")
	if !ok || !strings.EqualFold(scheme, "DPoP") || len(raw) > maxIssuanceToken {
		return none, badToken("token", "send it by the scheme DPoP")
	}
	c, err := i.openToken(raw)
	if err != nil {
		return none, err
	}
	_, err = dpop.Check(r, dpop.Policy{Target: i.config.URL + path, AccessToken: raw, JKT: c.Confirmation.JKT,
		Replay: i.replay, Now: i.config.Now})
	if err != nil {
		return none, badToken("proof", strings.TrimPrefix(err.Error(), "dpop: "))
	}
	who, err := openid4vci.OpenSubject(c.Sealed, i.config.Keys.Encryption)
	if err != nil {
		return none, badToken("subject", err.Error())
	}
	return issuanceToken{Client: c.ClientID, Detail: c.Details[0], Who: Subject{Sub: who.Sub, ResidentID: who.ResidentID}}, nil
}

type issuanceClaims struct {
	Issuer       string           `json:"iss"`
	Audience     jwt.Audience     `json:"aud"`
	ClientID     string           `json:"client_id"`
	Expiry       *jwt.NumericDate `json:"exp"`
	Issued       *jwt.NumericDate `json:"iat"`
	Confirmation struct {
		JKT string `json:"jkt"`
	} `json:"cnf"`
	Details []openid4vci.Detail `json:"authorization_details"`
	Sealed  string              `json:"mydata_subject"`
}

func (i *Issuer) openToken(raw string) (issuanceClaims, error) {
	var c issuanceClaims
	object, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return c, badToken("token", "it is not a JWT signed by ES256")
	}
	header := object.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != "at+jwt" {
		return c, badToken("token", "its typ is not at+jwt")
	}
	keys := i.config.Trust.HubKeys.Key(header.KeyID)
	if len(keys) != 1 {
		return c, badToken("token", "its key is not one of the hub's in the trust folder (after a change of keys: idp trust rekey)")
	}
	payload, err := object.Verify(keys[0].Key)
	if err != nil {
		return c, badToken("token", "its signature is wrong")
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, badToken("token", "its claims cannot be read")
	}
	now := i.config.Now()
	switch {
	case c.Issuer != i.config.Trust.Issuer:
		return c, badToken("token", "it is by another issuer")
	case len(c.Audience) != 1 || c.Audience[0] != i.config.URL:
		return c, badToken("audience", "it is for another credential issuer")
	case c.Expiry == nil || c.Issued == nil || !c.Expiry.Time().After(now) || c.Issued.Time().After(now.Add(maxClockSkew)):
		return c, badToken("token", "it has expired, or is not valid yet")
	case *c.Expiry-*c.Issued > maxIssuanceLife:
		return c, badToken("token", "it lives too long")
	case c.Confirmation.JKT == "":
		return c, badToken("proof", "it is bound to no key")
	case len(c.Details) != 1 || c.Details[0].Type != openid4vci.DetailType:
		return c, badToken("document", "it is not for one document")
	}
	if _, ok := i.config.Documents[c.Details[0].CredentialConfigurationID]; !ok {
		return c, badToken("document", "this issuer has no such document")
	}
	return c, nil
}
