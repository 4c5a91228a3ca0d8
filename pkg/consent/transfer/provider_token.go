package transfer

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

const maxToken = 512 << 10

// typAccessToken is the typ of an access token (RFC 9068, 2.1).
const typAccessToken = "at+jwt"

// AccessToken is the token of a request's one Authorization field, of the
// scheme DPoP (RFC 9449, 7.1).
func AccessToken(r *http.Request) (string, error) {
	fields := r.Header.Values("Authorization")
	if len(fields) != 1 {
		return "", refuse(CheckToken, MenderConsumer, "there are %d Authorization fields", len(fields))
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	if !strings.EqualFold(scheme, "DPoP") || token == "" || len(token) > maxToken {
		return "", refuse(CheckToken, MenderConsumer, "the Authorization field holds no DPoP token")
	}
	return token, nil
}

// openToken checks that the token is the hub's and complete, not its times.
func (p Provider) openToken(r *http.Request, g *Granted) error {
	token, err := AccessToken(r)
	if err != nil {
		return err
	}
	d := desks.Get().(*desk)
	defer desks.Put(d)
	payload, err := d.openHub(token, typAccessToken, p.Trust)
	if err != nil {
		return refuse(CheckToken, MenderConsumer, "access token: %w", err)
	}
	t := &g.Token
	if err := jcs.Unmarshal(payload, t); err != nil {
		return refuse(CheckToken, MenderHub, "access token: %w", err)
	}
	// RFC 9068, 2.2; cnf makes it useless without its key (RFC 9449, 6.1).
	switch {
	case t.Issuer != p.Trust.Issuer:
		return refuse(CheckToken, MenderConsumer, "the token is by another issuer")
	case t.Subject == "" || t.ClientID == "" || t.ID == "" || t.IssuedAt == nil || t.Expiry == nil:
		return refuse(CheckToken, MenderHub, "the token lacks a claim that RFC 9068 requires")
	case t.Confirmation.JKT == "":
		return refuse(CheckToken, MenderHub, "the token is bound to no key")
	case len(t.Details) != 1 || t.Details[0].Type != consent.TransferType:
		return refuse(CheckToken, MenderConsumer, "the token is not for one transfer")
	}
	g.Detail = t.Details[0]
	if g.Detail.GrantID == "" || g.Detail.Use < 1 || g.Detail.Consumer == "" || g.Detail.Terms == "" {
		return refuse(CheckToken, MenderHub, "the token's detail is incomplete")
	}
	return nil
}

func (p Provider) checkToken(r *http.Request, g *Granted) error {
	if err := p.openToken(r, g); err != nil {
		return err
	}
	now, issued, expires := p.now(), g.Token.IssuedAt.Time(), g.Token.Expiry.Time()
	switch {
	case issued.After(now.Add(maxSkew)):
		return refuse(CheckToken, MenderHub, "the token is from the future")
	case !expires.After(now):
		return refuse(CheckToken, MenderConsumer, "the token has expired")
	case expires.Sub(issued) > maxTokenLife:
		return refuse(CheckToken, MenderHub, "the token lives longer than 60 seconds")
	}
	return nil
}

func (p Provider) checkProof(r *http.Request, g *Granted) error {
	token, err := AccessToken(r)
	if err != nil {
		return err
	}
	_, err = dpop.Check(r, dpop.Policy{
		Target: p.Endpoint, AccessToken: token, JKT: g.Token.Confirmation.JKT,
		Replay: p.Replay, Now: p.Now,
	})
	if err != nil {
		return refuse(CheckProof, MenderConsumer, "%w", err)
	}
	return nil
}

// checkAudience refuses a token that is good elsewhere too (RFC 9068, 4).
func (p Provider) checkAudience(g *Granted) error {
	if aud := g.Token.Audience; len(aud) != 1 || aud[0] != p.Agency {
		return refuse(CheckAudience, MenderConsumer, "the token is for %q", []string(aud))
	}
	return nil
}

// openHub checks a compact JWS by the hub: typ, ES256, one of the hub's keys of
// the trust folder. The payload may lie in the desk.
func (d *desk) openHub(compact, typ string, trust consent.Trust) ([]byte, error) {
	if payload, ok := jws.OpenIn(d.room, compact, typ, trust.HubKeys.Keys); ok {
		d.room = payload
		return payload, nil
	}
	object, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, errors.New("it is not a JWS signed by ES256")
	}
	header := object.Signatures[0].Protected
	if got, _ := header.ExtraHeaders[jose.HeaderType].(string); got != typ {
		return nil, errors.New("its typ is not " + typ)
	}
	keys := trust.HubKeys.Key(header.KeyID)
	if header.KeyID == "" || len(keys) != 1 {
		return nil, errors.New("its key is not one of the hub's in the trust folder (after a change of keys: idp trust rekey)")
	}
	payload, err := object.Verify(keys[0].Key)
	if err != nil {
		return nil, errors.New("its signature is wrong")
	}
	return payload, nil
}
