package admit

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// minting is a case of a token response that a lying hub makes.
func minting(name, korean, clause string, change func(t *ticket, m *minted)) check {
	return check{partGrant, name, korean, clause, func(ctx context.Context, b *Bench) error {
		return b.lied(ctx, beforeProvider, hooks{answer: change})
	}}
}

// termed has the token and the response carry altered terms alike.
func termed(change func(t *consent.Terms)) func(*ticket, *minted) {
	return func(_ *ticket, m *minted) {
		change(&m.asked.Terms)
		m.asked.reapprove()
	}
}

var grantCases = []check{
	minting("refuses terms that the hub altered", "허브가 바꾼 조건을 거부한다", "docs/agencies.md, Terms", termed(func(t *consent.Terms) { t.Retention = "P3650D" })),
	minting("refuses another recipient key than its own", "자기 것이 아닌 수신 키를 거부한다", "docs/agencies.md, Terms", termed(func(t *consent.Terms) { t.RecipientKey = consenttest.NewRecipientKey() })),
	minting("refuses terms of another request", "다른 요청서의 조건을 거부한다", "docs/agencies.md, Terms", termed(func(t *consent.Terms) { t.Request = consent.DigestOf("another") })),
	minting("refuses terms about another person", "다른 사람에 관한 조건을 거부한다", "docs/agencies.md, Whose data", termed(func(t *consent.Terms) {
		t.Subjects.Consumer = consent.SubjectCommitment([32]byte{}, "somebody-else")
	})),
	minting("refuses a use beyond the last", "마지막 회차를 넘는 사용을 거부한다", "docs/agencies.md, Terms", func(_ *ticket, m *minted) {
		m.Details[0]["use"], m.asked.Token.Details[0].Use = m.asked.Terms.MaxUses+1, m.asked.Terms.MaxUses+1
	}),
	minting("refuses a response for two transfers", "두 건의 전송을 담은 응답을 거부한다", "RFC 9396, 7", func(_ *ticket, m *minted) { m.Details = append(m.Details, m.Details[0]) }),
	minting("refuses a response for no transfer", "전송이 없는 응답을 거부한다", "RFC 9396, 7", func(_ *ticket, m *minted) { m.Details = nil }),
	minting("refuses a token that is bound to no key", "키에 묶이지 않은 토큰을 거부한다", "RFC 9449, 5", func(_ *ticket, m *minted) { m.Type = "Bearer" }),
	minting("refuses that another person answered", "다른 사람이 응답하면 거부한다", "docs/agencies.md, Whose data", func(_ *ticket, m *minted) { m.ID["sub"] = "somebody-else" }),
	minting("refuses an id_token of another login", "다른 로그인의 id_token을 거부한다", "OpenID Connect Core 1.0, 3.1.3.7", func(_ *ticket, m *minted) { m.ID["nonce"] = "another-nonce-0123456789" }),
	minting("refuses an id_token for another client", "다른 클라이언트의 id_token을 거부한다", "OpenID Connect Core 1.0, 3.1.3.7", func(_ *ticket, m *minted) { m.ID["aud"] = "somebody-else" }),
	minting("refuses an id_token by another issuer", "다른 발급자의 id_token을 거부한다", "OpenID Connect Core 1.0, 3.1.3.7", func(_ *ticket, m *minted) { m.ID["iss"] = "https://hub.invalid" }),
	minting("refuses an id_token that another key signed", "다른 키가 서명한 id_token을 거부한다", "OpenID Connect Core 1.0, 3.1.3.7", func(_ *ticket, m *minted) { m.signs = consenttest.NewKey() }),
	minting("refuses an id_token that has expired", "만료된 id_token을 거부한다", "OpenID Connect Core 1.0, 3.1.3.7", func(_ *ticket, m *minted) {
		m.ID["iat"], m.ID["exp"] = time.Now().Unix()-300, time.Now().Unix()-120
	}),
}

// evidently is a case of an answer that a lying provider, or hub, makes.
func evidently(name, korean, clause, step string, change func(m *making)) check {
	return check{partEvidence, name, korean, clause, func(ctx context.Context, b *Bench) error {
		return b.lied(ctx, beforeTaken, hooks{release: func(at string, m *making) {
			if at == step {
				change(m)
			}
		}})
	}}
}

var evidenceCases = []check{
	evidently("refuses evidence that another agency signed", "다른 기관이 서명한 증명 자료를 거부한다", "docs/agencies.md, Release 6", stepSign, func(m *making) { m.signer = m.h.b.world.Government.Agency(another) }),
	evidently("refuses evidence by a certificate of another CA", "다른 인증기관의 인증서로 서명한 증명 자료를 거부한다", "docs/agencies.md, Who signs", stepSign, func(m *making) {
		m.signer = consenttest.NewAuthority("Another CA", m.h.b.now()).Agency(m.h.b.plan.Provider)
	}),
	evidently("refuses evidence about another person", "다른 사람에 관한 증명 자료를 거부한다", "docs/agencies.md, Whose data", stepSign, func(m *making) {
		m.evidence.Subject = consent.SubjectCommitment([32]byte{}, "somebody-else")
	}),
	evidently("refuses evidence for another agency", "다른 기관을 위한 증명 자료를 거부한다", "docs/agencies.md, Release 3", stepSign, func(m *making) { m.evidence.Consumer = another }),
	evidently("refuses evidence of another grant", "다른 동의의 증명 자료를 거부한다", "docs/agencies.md, Release 3", stepSign, func(m *making) { m.evidence.GrantID = "another-grant-0000" }),
	evidently("refuses evidence of another use", "다른 회차의 증명 자료를 거부한다", "docs/agencies.md, Release 3", stepSign, func(m *making) { m.evidence.Use++ }),
	evidently("refuses evidence of other terms", "다른 조건의 증명 자료를 거부한다", "docs/agencies.md, Release 3", stepSign, func(m *making) { m.evidence.Terms = consent.DigestOf("another") }),
	evidently("refuses evidence of another data set", "다른 데이터 집합의 증명 자료를 거부한다", "docs/agencies.md, Release 3", stepSign, func(m *making) { m.evidence.DataSet = "another" }),
	evidently("refuses evidence of long ago", "오래된 증명 자료를 거부한다", "docs/agencies.md, Release 6", stepSign, func(m *making) { m.evidence.IssuedAt = m.evidence.IssuedAt.Add(-time.Hour) }),
	evidently("refuses more claims than were granted", "허용된 것보다 많은 항목을 거부한다", "docs/agencies.md, Release 6", stepSign, func(m *making) { m.evidence.Claims["a_claim_of_nobody"] = true }),
	evidently("refuses fewer claims than were granted", "허용된 것보다 적은 항목을 거부한다", "docs/agencies.md, Release 6", stepSign, func(m *making) {
		delete(m.evidence.Claims, m.h.b.plan.Claims[0])
	}),
	evidently("refuses what was sealed for another grant", "다른 동의로 봉인된 것을 거부한다", "docs/agencies.md, Release 3", stepSeal, func(m *making) { m.binding.GrantID = "another-grant-0000" }),
	evidently("refuses a commit of another ciphertext", "다른 암호문에 대한 확정을 거부한다", "docs/agencies.md, Release 4", stepCommit, func(m *making) { m.commit.Ciphertext = consent.DigestOf("another") }),
	evidently("refuses a commit of another plaintext", "다른 평문에 대한 확정을 거부한다", "docs/agencies.md, Release 4", stepCommit, func(m *making) { m.commit.Plaintext = consent.DigestOf("another") }),
	evidently("refuses a commit of another use", "다른 회차에 대한 확정을 거부한다", "docs/agencies.md, Release 4", stepCommit, func(m *making) { m.commit.Use++ }),
	evidently("refuses a commit that another agency signed", "다른 기관이 서명한 확정을 거부한다", "docs/agencies.md, Release 4", stepCommit, func(m *making) {
		m.commits = m.h.b.world.Government.Agency(another)
		m.commit.Issuer = another
	}),
	evidently("refuses a promise that another key signed", "다른 키가 서명한 약속을 거부한다", "docs/agencies.md, Release 4", stepAnswer, promising(func(m *making) *ecdsa.PrivateKey { return consenttest.NewKey() }, nil)),
	evidently("refuses a promise that echoes another nonce", "다른 nonce를 돌려준 약속을 거부한다", "docs/agencies.md, Release 4", stepAnswer, promising(nil, func(p *consent.PromiseClaims) {
		p.Nonce = consent.Encode(make([]byte, 32))
	})),
	evidently("refuses a promise without a near deadline", "기한이 먼 약속을 거부한다", "docs/agencies.md, Release 4", stepAnswer, promising(nil, func(p *consent.PromiseClaims) { p.Deadline += 3600 })),
	evidently("refuses a ciphertext that was changed on the way", "전송 중 바뀐 암호문을 거부한다", "RFC 9180, 5", stepAnswer, func(m *making) {
		if raw, err := base64.RawURLEncoding.DecodeString(m.answer.Ciphertext); err == nil {
			raw[len(raw)-1] ^= 1
			m.answer.Ciphertext = consent.Encode(raw)
		}
	}),
	evidently("refuses an answer without a promise", "약속 없는 응답을 거부한다", "docs/agencies.md, Release 4", stepAnswer, func(m *making) { m.answer.Promise = "" }),
}

func promising(key func(*making) *ecdsa.PrivateKey, bend func(*consent.PromiseClaims)) func(*making) {
	return func(m *making) {
		signer := m.h.b.world.Hub
		if key != nil {
			signer = key(m)
		}
		if promise, err := m.h.b.promise(m.answer.Commit, signer, bend); err == nil {
			m.answer.Promise = promise
		}
	}
}

// pageCases look at every page that there was.
var pageCases = []check{
	{partAll, "answers nothing of this with a fault of its own (5xx)", "이 모든 일에 5xx로 답하지 않는다", "CONTRIBUTING.md", func(_ context.Context, b *Bench) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.pages {
			if p.Status >= 500 {
				return errors.New(p.URL.Path + ": " + http.StatusText(p.Status))
			}
		}
		return nil
	}},
	{partAll, "shows no token and no evidence on a page", "화면에 토큰과 증명 자료를 보이지 않는다", "RFC 9700, 4.3", func(_ context.Context, b *Bench) error {
		b.hub.mu.Lock()
		defer b.hub.mu.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.pages {
			for _, secret := range b.hub.secrets {
				if strings.Contains(string(p.Body), secret) {
					return errors.New(p.URL.Path + " shows one")
				}
			}
		}
		return nil
	}},
	{partAll, "keeps its session in a cookie that neither scripts nor other sites get", "스크립트와 다른 사이트가 얻을 수 없는 쿠키에 세션을 둔다", "RFC 6265bis, 5.6", func(_ context.Context, b *Bench) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.pages {
			for _, c := range (&http.Response{Header: p.Header}).Cookies() {
				if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode && c.SameSite != http.SameSiteStrictMode || p.URL.Scheme == "https" && !c.Secure {
					return errors.New("the cookie " + c.Name + " lacks HttpOnly, SameSite, or, by https, Secure")
				}
			}
		}
		return nil
	}},
	{partAll, "is reached by https, or on this machine alone", "https 또는 이 컴퓨터에서만 접속된다", "docs/operations.md", func(_ context.Context, b *Bench) error { return secure(b.options.URL) }},
}
