package hostile_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
)

// signed is a JWS of ours by an agency, with its certificate.
func (p party) signed(t testing.TB, typ string, claims any, bends ...bend) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(encode(t, claims), &members); err != nil {
		t.Fatal(err)
	}
	return jwt{head: map[string]any{"typ": typ, "x5c": x5c(p.chain...)}, claims: members, key: p.key}.sign(t, bends...)
}

func x5c(chain ...[]byte) []string {
	var out []string
	for _, der := range chain {
		out = append(out, base64.StdEncoding.EncodeToString(der))
	}
	return out
}

// detail bends the one element of a request's authorization_details.
func detail(name string, v any) bend {
	return func(j *jwt) {
		if all, ok := j.claims["authorization_details"].([]any); ok {
			set(all[0].(map[string]any), name, v)
		}
	}
}

// A need is a consumer's request before it is pushed.
type need struct {
	sub  string
	salt [32]byte
	body consent.RequestClaims
}

// need asks for what a licence renewal needs of the person with this sub.
func (w *world) need(t testing.TB, sub string) need {
	t.Helper()
	n := need{sub: sub}
	copy(n.salt[:], text()+text())
	key, err := envelope.Generate()
	if err != nil {
		t.Fatal(err)
	}
	set, ok := w.catalogue(t).DataSet("health-checkup")
	if !ok {
		t.Fatal("the catalogue has no check-up")
	}
	n.body = consent.RequestClaims{
		Issuer: w.asks.agency, Audience: w.hub, ID: text(), IssuedAt: now(), Expires: in(600),
		Subject:      consent.SubjectCommitment(n.salt, sub),
		RecipientKey: consent.RecipientKey{KEM: envelope.KEM, Public: consent.Encode(key.Public())},
		Details: []consent.Detail{{
			Type: consent.TransferType, Locations: []string{set.Provider}, Actions: []string{"derive"}, DataTypes: []string{set.ID},
			SchemaHash: set.Hash(), Claims: []consent.RequestedClaim{{Name: "vision_ok"}, {Name: "checked_on", Optional: true}},
			Purpose: "driving-licence-renewal", MaxUses: 2, Validity: consent.Duration{Seconds: 3600}, Retention: "P1D",
			Jurisdiction: "KR", LegalBasis: consent.LegalBasis{Kind: "consent"},
		}},
	}
	return n
}

func (w *world) catalogue(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	var c catalogue.Catalogue
	decode(t, get(t, w.hub+"/catalogue").body, &c)
	return &c
}

// object bends make a login's request object ask for data.
func (n need) object(request string) []bend {
	return []bend{
		claim("authorization_details", []any{map[string]any{"type": consent.TransferType, "request": request}}),
		claim("mydata_subject", map[string]any{"sub": n.sub, "salt": consent.Encode(n.salt[:])}),
	}
}

// subject is a person's sub at the licence office.
func (w *world) subject(t testing.TB, p *person) string {
	t.Helper()
	_, given := w.login(t, p.watcher)
	var id struct{ Sub string }
	decode(t, given.ID, &id)
	return id.Sub
}

// A transfer is a grant in the licence office's hands: two uses, none made.
type transfer struct {
	session
	tokenResponse
	request string
	terms   json.RawMessage
	digest  string
	grant   string
}

// transfer has a person grant what need asks.
func (w *world) transfer(t testing.TB, p *person, bends ...func(*need)) *transfer {
	t.Helper()
	n := w.need(t, w.subject(t, p))
	for _, b := range bends {
		b(&n)
	}
	request := w.asks.signed(t, consent.RequestJWT, n.body)
	got := &transfer{request: request, session: w.asks.coded(t, w, p.watcher, n.object(request)...)}
	a := w.redeem(t, got.dpop, got.form(t, w))
	got.tokenResponse = into[tokenResponse](t, a)
	got.terms = into[struct {
		Details []struct {
			Terms json.RawMessage `json:"terms"`
		} `json:"authorization_details"`
	}](t, a).Details[0].Terms
	terms, err := consent.ParseTerms(got.terms)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got.digest, got.grant = consent.Encode(digest[:]), string(terms.GrantID)
	return got
}

// again is a fresh access token of the grant.
func (x *transfer) again(t testing.TB, w *world) string {
	t.Helper()
	return into[tokenResponse](t, w.redeem(t, x.dpop, x.refresh(t, w))).Access
}

func (x *transfer) refresh(t testing.TB, w *world) url.Values {
	return x.authenticated(t, w, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {x.Refresh}})
}

// commit is what the insurer signs before it releases.
func (w *world) commit(t testing.TB, x *transfer, use int, bends ...bend) string {
	return w.gives.signed(t, consent.CommitJWT, consent.CommitClaims{
		Issuer: w.gives.agency, Audience: w.hub, IssuedAt: now(), GrantID: consent.GrantID(x.grant), Use: use, Terms: x.digest,
		Ciphertext: b64.EncodeToString([]byte(text() + text())[:32]), Plaintext: b64.EncodeToString([]byte(text() + text())[:32]), Nonce: text() + text(),
	}, bends...)
}

// received is the licence office's countersignature of a commit.
func (w *world) received(t testing.TB, x *transfer, use int, commit string, bends ...bend) string {
	return w.asks.signed(t, consent.ReceivedJWT, consent.ReceivedClaims{
		Issuer: w.asks.agency, Audience: w.hub, IssuedAt: now(), GrantID: consent.GrantID(x.grant), Use: use, Commit: consent.DigestOf(commit),
	}, bends...)
}

// release asks the insurer for a use of the grant; change bends the body.
func (w *world) release(t testing.TB, x *transfer, token string, change map[string]any, headers ...string) answer {
	t.Helper()
	body := map[string]any{"request": x.request, "terms": x.terms, "idempotency_key": text()}
	for name, v := range change {
		set(body, name, v)
	}
	if headers == nil {
		headers = bearer(t, x.dpop, http.MethodPost, w.insurer+"/release", token)
	}
	return postJSON(t, w.insurer+"/release", string(encode(t, body)), headers...)
}
