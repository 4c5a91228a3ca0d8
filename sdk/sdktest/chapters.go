package sdktest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk"
)

// words are those of an answer that programs branch on.
func words(text []byte) string {
	var p struct{ Code, Check, Mender, Error string }
	if json.Unmarshal(text, &p) != nil {
		return "unreadable"
	}
	if p.Error != "" {
		return p.Error
	}
	if p.Code == "" {
		return "yes"
	}
	return fmt.Sprintf("%s, check %q, mender %q", p.Code, p.Check, p.Mender)
}

func logins(s *story) {
	s.is("one person, one sub", fmt.Sprint(s.login(0) == s.subs[0]), "true")
	s.is("two people, two subs", fmt.Sprint(s.subs[0] == s.subs[1] || s.subs[0] == ""), "false")
	to, err := s.Consumer.Login(s.ctx)
	s.must("login", err)
	query, err := s.people[0].Login(s.ctx, to.URL)
	s.must("login page", err)
	_, err = s.Consumer.LoggedIn(s.ctx, "another", query)
	s.is("another browser's answer", s.refusal(err), `sdk: refused, check "state", mender "consumer", status 0`)
	other := maps.Clone(query)
	other.Set("iss", "https://hub.example")
	_, err = s.Consumer.LoggedIn(s.ctx, to.State, other)
	s.is("another hub's answer", s.refusal(err), `sdk: refused, check "iss", mender "consumer", status 0`)

	to, err = s.Consumer.Login(s.ctx)
	s.must("login", err)
	query, err = s.people[0].Login(s.ctx, to.URL)
	s.must("login page", err)
	query.Set("code", "made-up")
	_, err = s.Consumer.LoggedIn(s.ctx, to.State, query)
	s.is("a code made up", s.refusal(err), `hub: code, check "grant", mender "consumer", status 400: unknown or expired`)
}

func life(s *story) {
	state, query := s.granted(0, nil)
	r, err := s.Consumer.Complete(s.ctx, state, query)
	s.is("the first use", s.refusal(err), "yes")
	if err != nil {
		return
	}
	s.is("its claims", strings.Join(slices.Sorted(maps.Keys(r.Claims)), " "), strings.Join(slices.Sorted(slices.Values(s.Need.Claims)), " "))
	s.is("its numbers", fmt.Sprint(r.Use, r.Uses), "1 2")
	_, err = s.Consumer.Complete(s.ctx, state, query)
	s.is("the same answer again", s.refusal(err), `sdk: refused, check "state", mender "consumer", status 0`)
	again, err := s.Consumer.Again(s.ctx, r.GrantID)
	s.is("the second use", s.refusal(err), "yes")
	if err == nil {
		s.is("its number", fmt.Sprint(again.Use), "2")
	}
	_, err = s.Consumer.Again(s.ctx, r.GrantID)
	s.is("a third use", s.refusal(err), `hub: consumed, check "grant", mender "consumer", status 400: all uses are taken`)
	last, err := s.Consumer.Last(s.ctx, r.GrantID)
	s.is("the last use", s.refusal(err), "yes")
	s.is("the last use's number", fmt.Sprint(last.Use), "2")
	_, err = s.Consumer.Again(s.ctx, "no grant")
	s.is("an unknown grant", s.refusal(err), `sdk: unknown_grant, check "grant", mender "consumer", status 0`)
	s.is("the receipt", s.refusal(s.receipt(r.GrantID)), "yes")

	to := s.ask(0, nil)
	query, err = s.people[0].Deny(s.ctx, to.URL)
	s.must("deny", err)
	_, err = s.Consumer.Complete(s.ctx, to.State, query)
	s.is("a request denied", s.refusal(err), `citizen: denied, check "", mender "citizen", status 0`)
	to = s.ask(0, nil)
	if query, err = s.people[1].Grant(s.ctx, to.URL); err == nil { // the page says no, or sends back an error
		_, err = s.Consumer.Complete(s.ctx, to.State, query)
	}
	s.is("another person's request", fmt.Sprint(err != nil), "true")
}

// receipt asks until the log has taken the last event.
func (s *story) receipt(grant string) error {
	var err error
	for range 60 {
		if _, err = s.Consumer.Receipt(s.ctx, grant); err == nil {
			return nil
		}
		select {
		case <-s.ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
	return err
}

func withdrawals(s *story) {
	r := s.release()
	s.must("withdraw", s.people[0].Withdraw(s.ctx, r.GrantID))
	_, err := s.Consumer.Again(s.ctx, r.GrantID)
	s.is("after a withdrawal", s.refusal(err), `hub: withdrawn, check "grant", mender "citizen", status 400: the citizen has withdrawn the consent`)
	s.must("withdraw again", s.people[0].Withdraw(s.ctx, r.GrantID))
	s.is("the receipt after a withdrawal", s.refusal(s.receipt(r.GrantID)), "yes")

	state, query := s.granted(1, nil)
	before, err := s.Provider.Releases(s.ctx)
	s.must("releases", err)
	s.OnLoad(func() {
		all, err := s.Consumer.Grants(s.ctx, s.subs[1])
		if err == nil {
			err = s.people[1].Withdraw(s.ctx, all[len(all)-1])
		}
		if err != nil {
			s.t.Errorf("withdraw: %v", err)
		}
	})
	_, err = s.Consumer.Complete(s.ctx, state, query)
	s.is("withdrawn between check and commit", s.refusal(err), `provider: withdrawn, check "grant state", mender "citizen", status 409`)
	after, err := s.Provider.Releases(s.ctx)
	s.must("releases", err)
	s.is("releases of it", fmt.Sprint(len(after)-len(before)), "0")
}

func requests(s *story) {
	for _, r := range []struct {
		name string
		bend func(*sdk.Need)
		want string
	}{
		{"nobody's", func(n *sdk.Need) { n.Subject = "made-up" }, `hub: invalid_authorization_details, check "", mender "consumer", status 400: subject: the person is not known here: *`},
		{"an unknown purpose", func(n *sdk.Need) { n.Purpose = "marketing" }, `hub: invalid_authorization_details, check "", mender "consumer", status 400: purpose: *`},
		{"too many uses", func(n *sdk.Need) { n.Uses = 3 }, `hub: invalid_authorization_details, check "", mender "consumer", status 400: template: 3 uses, the purpose allows 2`},
		{"for too long", func(n *sdk.Need) { n.For = 31 * 24 * time.Hour }, `hub: invalid_authorization_details, check "", mender "consumer", status 400: template: longer than the 30 days that the purpose allows`},
		{"an unknown claim", func(n *sdk.Need) { n.Claims = []string{"income"} }, `error: ask: the claims are neither all derived claims nor all fields of "` + s.Need.DataSet + `"`},
		{"an unknown data set", func(n *sdk.Need) { n.DataSet = "income" }, `error: ask: the catalogue has no data set "income"`},
		{"no subject", func(n *sdk.Need) { n.Subject = "" }, `error: ask: Need.Subject is empty: log the citizen in first`},
		{"no claim", func(n *sdk.Need) { n.Claims, n.Optional = nil, nil }, `error: ask: Need.Claims is empty`},
	} {
		_, err := s.Consumer.Ask(s.ctx, s.need(0, r.bend))
		got := s.refusal(err)
		if head, open := strings.CutSuffix(r.want, "*"); open && strings.HasPrefix(got, head) {
			got = r.want
		}
		s.is(r.name, got, r.want)
	}
}

// commit is a provider's, for a grant that there is or is not.
func (s *story) commit(grant, terms string, use int, bend func(*consent.CommitClaims)) string {
	s.t.Helper()
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	digest := consent.DigestOf("anything")
	c := consent.CommitClaims{Issuer: s.ProviderKeys.Agency, Audience: s.URL, IssuedAt: time.Now().Unix(), GrantID: consent.GrantID(grant),
		Use: use, Terms: terms, Ciphertext: digest, Plaintext: digest, Nonce: consent.Encode(nonce)}
	if bend != nil {
		bend(&c)
	}
	jws, err := consent.SignCommit(c, s.ProviderKeys.Signer, s.ProviderKeys.Chain)
	s.must("sign commit", err)
	return s.post("/agency/commits", "application/jose", jws)
}

// termsOf is the digest of a grant's terms, from its receipt.
func (s *story) termsOf(grant string) string {
	s.t.Helper()
	s.must("receipt", s.receipt(grant))
	raw, err := s.Consumer.Receipt(s.ctx, grant)
	s.must("receipt", err)
	var r struct {
		Terms consent.Terms `json:"terms"`
	}
	s.must("receipt", json.Unmarshal(raw, &r))
	digest, err := r.Terms.Digest()
	s.must("terms", err)
	return consent.Encode(digest[:])
}

func commits(s *story) {
	r := s.release()
	terms := s.termsOf(r.GrantID)
	for _, c := range []struct {
		name string
		use  int
		bend func(*consent.CommitClaims)
		want string
	}{
		{"a use that is taken", 1, nil, `409 use_taken, check "use", mender "provider"`},
		{"a use that is not next", 3, nil, `409 use_taken, check "use", mender "provider"`},
		{"other terms", 2, func(c *consent.CommitClaims) { c.Terms = consent.DigestOf("x") }, `400 check_failed, check "terms digest", mender "agency"`},
		{"another hub's", 2, func(c *consent.CommitClaims) { c.Audience = "https://hub.example" }, `400 check_failed, check "aud", mender "agency"`},
		{"no grant's", 1, func(c *consent.CommitClaims) { c.GrantID = "x" }, `404 unknown_grant, check "grant", mender "agency"`},
		{"another agency's", 2, func(c *consent.CommitClaims) { c.Issuer = s.ConsumerKeys.Agency }, `400 check_failed, check "commit signature", mender "agency"`},
		{"a short nonce", 2, func(c *consent.CommitClaims) { c.Nonce = "AAAA" }, `400 check_failed, check "commit", mender "agency"`},
		{"the next use", 2, nil, "200 yes"},
		{"one too many", 3, nil, `409 consumed, check "grant state", mender "consumer"`},
	} {
		s.is(c.name, s.commit(r.GrantID, terms, c.use, c.bend), c.want)
	}
	r = s.release()
	terms = s.termsOf(r.GrantID)
	s.must("withdraw", s.people[0].Withdraw(s.ctx, r.GrantID))
	s.is("after a withdrawal", s.commit(r.GrantID, terms, 2, nil), `409 withdrawn, check "grant state", mender "citizen"`)
}

func countersignatures(s *story) {
	r := s.release()
	for _, c := range []struct {
		name string
		bend func(*consent.ReceivedClaims)
		want string
	}{
		{"of another commit", nil, `409 decided, check "grant state", mender "consumer"`},
		{"of no grant", func(c *consent.ReceivedClaims) { c.GrantID = "x" }, `404 unknown_grant, check "grant", mender "agency"`},
		{"for another hub", func(c *consent.ReceivedClaims) { c.Audience = "https://hub.example" }, `400 check_failed, check "aud", mender "agency"`},
		{"of a use that was not", func(c *consent.ReceivedClaims) { c.Use = 2 }, `400 check_failed, check "event", mender "agency"`},
	} {
		claims := consent.ReceivedClaims{Issuer: s.ConsumerKeys.Agency, Audience: s.URL, IssuedAt: time.Now().Unix(),
			GrantID: consent.GrantID(r.GrantID), Use: 1, Commit: consent.DigestOf("another")}
		if c.bend != nil {
			c.bend(&claims)
		}
		jws, err := consent.SignReceived(claims, s.ConsumerKeys.Signer, s.ConsumerKeys.Chain)
		s.must("countersign", err)
		s.is(c.name, s.post("/agency/received", "application/jose", jws), c.want)
	}
}

func forms(s *story) {
	const jose, form = "application/jose", "application/x-www-form-urlencoded"
	for _, f := range []struct{ name, path, media, body, want string }{
		{"a commit that is none", "/agency/commits", jose, "a.b.c", `400 check_failed, check "commit signature", mender "agency"`},
		{"an empty commit", "/agency/commits", jose, " ", `400 check_failed, check "commit signature", mender "agency"`},
		{"a commit as JSON", "/agency/commits", "application/json", "{}", `415 media_type, check "content type", mender "agency"`},
		{"a commit of no type", "/agency/commits", "", "a.b.c", `415 media_type, check "content type", mender "agency"`},
		{"a countersignature that is none", "/agency/received", jose, "a.b.c", `400 check_failed, check "countersignature", mender "agency"`},
		{"a receipt for nothing", "/agency/receipts/x", jose, "a.b.c", `400 check_failed, check "countersignature", mender "agency"`},
		{"a token for nobody", "/token", form, url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "client_id": {"nobody"}}.Encode(), "401 invalid_client"},
		{"a request of nobody", "/par", form, url.Values{"client_id": {"nobody"}}.Encode(), "401 invalid_client"},
	} {
		s.is(f.name, s.post(f.path, f.media, f.body), f.want)
	}
}
