package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/dpop"
)

const another = "urn:mydata:agency:somebody-else"

var tokenCases = []check{
	bend(partToken, "refuses a request without a token", "토큰 없는 요청을 거부한다", "RFC 9449, 7.1", func(a *asked) {
		a.edit = func(r *http.Request) { r.Header.Del("Authorization") }
	}),
	bend(partToken, "refuses a token as bearer", "소지자(bearer) 방식 토큰을 거부한다", "RFC 9449, 7.2", func(a *asked) {
		a.edit = func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+strings.TrimPrefix(r.Header.Get("Authorization"), "DPoP "))
			r.Header.Del(dpop.Header)
		}
	}),
	bend(partToken, "refuses a token that the hub did not sign", "허브가 서명하지 않은 토큰을 거부한다", "RFC 9068, 4", func(a *asked) { a.signs = consenttest.NewKey() }),
	bend(partToken, "refuses another JWT of the hub for a token", "토큰이 아닌 허브의 다른 JWT를 거부한다", "RFC 9068, 4", func(a *asked) { a.typ = "JWT" }),
	bend(partToken, "refuses a token by another issuer", "다른 발급자의 토큰을 거부한다", "RFC 9068, 4", func(a *asked) { a.Token.Issuer = "https://hub.invalid" }),
	bend(partToken, "refuses an expired token", "만료된 토큰을 거부한다", "RFC 9068, 4", func(a *asked) {
		a.Token.IssuedAt, a.Token.Expiry = jwt.NewNumericDate(a.b.now().Add(-150*time.Second)), jwt.NewNumericDate(a.b.now().Add(-91*time.Second))
	}),
	bend(partToken, "refuses a token that lives longer than a minute", "1분보다 오래 유효한 토큰을 거부한다", "docs/agencies.md, Release 1", func(a *asked) {
		a.Token.Expiry = jwt.NewNumericDate(a.b.now().Add(time.Hour))
	}),
	bend(partToken, "refuses a token for another agency (aud)", "다른 기관용(aud) 토큰을 거부한다", "RFC 9068, 4", func(a *asked) { a.Token.Audience = jwt.Audience{another} }),
	bend(partToken, "refuses a token that is good elsewhere too", "다른 곳에서도 쓸 수 있는 토큰을 거부한다", "RFC 9068, 4", func(a *asked) {
		a.Token.Audience = jwt.Audience{a.b.plan.Provider, another}
	}),
	bend(partToken, "refuses a token bound to no key", "키에 묶이지 않은 토큰을 거부한다", "RFC 9449, 6", func(a *asked) { a.Token.Confirmation.JKT = "" }),
	bend(partToken, "refuses a token for two transfers", "두 건의 전송을 담은 토큰을 거부한다", "RFC 9396, 9.1", func(a *asked) {
		a.Token.Details = append(a.Token.Details, a.Token.Details[0])
	}),
	bend(partToken, "refuses a token of another client", "다른 클라이언트의 토큰을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Token.Details[0].Consumer, a.Token.ClientID = another, "somebody-else"
	}),
	bend(partToken, "refuses a token of another grant", "다른 동의의 토큰을 거부한다", "docs/agencies.md, Release 2", func(a *asked) { a.Token.Details[0].GrantID = "another-grant-0000" }),
}

var proofCases = []check{
	bend(partProof, "refuses a request without a proof", "증명(DPoP) 없는 요청을 거부한다", "RFC 9449, 7.1", func(a *asked) {
		a.edit = func(r *http.Request) { r.Header.Del(dpop.Header) }
	}),
	bend(partProof, "refuses a proof by another key", "다른 키의 증명을 거부한다", "RFC 9449, 4.3", func(a *asked) { a.proves = consenttest.NewKey() }),
	bend(partProof, "refuses a proof for another address", "다른 주소에 대한 증명을 거부한다", "RFC 9449, 4.3", func(a *asked) { a.target = "https://other.invalid/release" }),
	bend(partProof, "refuses a proof for another token", "다른 토큰에 대한 증명을 거부한다", "RFC 9449, 4.3", func(a *asked) {
		a.edit = func(r *http.Request) { a.prove(r, "another.access.token", a.b.now()) }
	}),
	bend(partProof, "refuses a proof of long ago", "오래된 증명을 거부한다", "RFC 9449, 4.3", func(a *asked) {
		a.edit = func(r *http.Request) {
			a.prove(r, strings.TrimPrefix(r.Header.Get("Authorization"), "DPoP "), a.b.now().Add(-time.Hour))
		}
	}),
	{partProof, "refuses a proof that was used before", "이미 사용된 증명을 거부한다", "RFC 9449, 11.1", func(ctx context.Context, b *Bench) error {
		a, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		if err := a.freeze(ctx); err != nil {
			return err
		}
		r, err := a.request(ctx)
		if err != nil {
			return err
		}
		head := r.Header.Clone()
		if got, err := b.exchange(r, a); err != nil {
			return err
		} else if _, err := a.open(got); err != nil {
			return err
		}
		a.edit = func(again *http.Request) { again.Header = head.Clone() }
		got, err := a.send(ctx)
		if err != nil {
			return err
		}
		if got.status < 400 {
			return errors.New("it took the same proof again")
		}
		return nil
	}},
}

// prove puts a proof of its own into a request.
func (a *asked) prove(r *http.Request, token string, at time.Time) {
	maker, err := dpop.NewMaker(a.proves)
	if err != nil {
		return
	}
	maker.Now = func() time.Time { return at }
	if proof, err := maker.Proof(http.MethodPost, a.target, token, ""); err == nil {
		r.Header.Set(dpop.Header, proof)
	}
}

// requestCases are what a consumer could try.
var requestCases = []check{
	bend(partRequest, "refuses a request that nobody signed", "서명 없는 요청서를 거부한다", "docs/agencies.md, Release 2", func(a *asked) { a.Request = "a.b.c" }),
	bend(partRequest, "refuses a request whose signer has a certificate of another CA", "다른 인증기관 인증서로 서명한 요청서를 거부한다", "docs/agencies.md, Who signs", func(a *asked) {
		forger := consenttest.NewAuthority("Another CA", a.b.now()).Agency(a.b.plan.Consumer)
		if jws, err := consent.SignRequest(a.claims, forger.Key, forger.Chain); err == nil {
			a.Request, a.Terms.Request = jws, consent.DigestOf(jws)
		}
		a.reapprove()
	}),
	bend(partRequest, "refuses a request for another hub", "다른 허브에 대한 요청서를 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.rerequest(func(c *consent.RequestClaims) { c.Audience = "https://hub.invalid" })
		a.reapprove()
	}),
	bend(partRequest, "refuses terms that the consumer altered", "수신 기관이 바꾼 조건을 거부한다", "docs/agencies.md, Release 2", func(a *asked) { a.Terms.Retention = "P3650D" }),
	bend(partRequest, "refuses terms of another request", "다른 요청서에서 나온 조건을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.Request = consent.DigestOf("another")
		a.reapprove()
	}),
	bend(partRequest, "refuses terms that are for another provider", "다른 제공 기관의 조건을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.Provider.ID = another
		a.reapprove()
	}),
	bend(partRequest, "refuses a token for other terms than the citizen's", "시민이 승인하지 않은 조건의 토큰을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Token.Details[0].Terms = consent.DigestOf("another")
	}),
}

// hubCases are what a hub that lies could try.
var hubCases = []check{
	bend(partRequest, "refuses altered terms though the hub's token is for them", "허브의 토큰이 맞아도 바뀐 조건을 거부한다", "docs/agencies.md, Who signs", func(a *asked) {
		a.Terms.Retention = "P3650D"
		a.retoken()
	}),
	bend(partRequest, "refuses another recipient key than the consumer's", "수신 기관의 것이 아닌 수신 키를 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.RecipientKey = consenttest.NewRecipientKey()
		a.reapprove()
	}),
	bend(partRequest, "refuses another purpose", "다른 목적을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.Purpose.Code = "marketing"
		a.reapprove()
	}),
	bend(partRequest, "refuses a claim that was not asked for", "요청하지 않은 항목을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.rerequest(func(c *consent.RequestClaims) { c.Details[0].Claims = c.Details[0].Claims[:1] })
		a.reapprove()
	}),
	bend(partRequest, "refuses a claim that reads another field", "다른 필드를 읽는 항목을 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.Claims[0].From = []string{"a-field-of-nobody"}
		a.reapprove()
	}),
	bend(partRequest, "refuses another schema than the request's", "요청서와 다른 스키마를 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.DataSet.SchemaHash = consent.DigestOf("another")
		a.reapprove()
	}),
	bend(partRequest, "refuses a schema that the catalogue does not have", "카탈로그에 없는 스키마를 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.rerequest(func(c *consent.RequestClaims) { c.Details[0].SchemaHash = consent.DigestOf("another") })
		a.Terms.DataSet.SchemaHash = consent.DigestOf("another")
		a.reapprove()
	}),
	bend(partRequest, "refuses more uses than the purpose allows", "목적이 허용한 횟수를 넘으면 거부한다", "docs/agencies.md, Terms", func(a *asked) {
		a.rerequest(func(c *consent.RequestClaims) { c.Details[0].MaxUses = a.b.plan.Purpose.MaxUses + 1 })
		a.Terms.MaxUses = a.b.plan.Purpose.MaxUses + 1
		a.reapprove()
	}),
	bend(partRequest, "refuses a grant that has expired", "만료된 동의를 거부한다", "docs/agencies.md, Release 2", func(a *asked) {
		a.Terms.Validity.NotBefore, a.Terms.Validity.Expires = a.b.now().Add(-2*time.Hour).Unix(), a.b.now().Add(-time.Hour).Unix()
		a.reapprove()
	}),
	bend(partRequest, "refuses terms that differ from the request elsewhere", "요청서와 다른 곳이 있는 조건을 거부한다", "docs/agencies.md, Terms", func(a *asked) {
		a.Terms.Retention = "P3650D"
		a.reapprove()
	}),
}
