package admit_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// callback takes what the browser brings back.
func (c *careless) callback(w http.ResponseWriter, r *http.Request, e *errand) error {
	query := r.URL.Query()
	if c.flaws["any browser"] && query.Get("state") != "" { // finds what is under way by the state alone
		for _, other := range c.sessions {
			if other.state == query.Get("state") {
				e = other
			}
		}
	}
	switch {
	case e.state == "" || e.done && !c.flaws["twice"]:
		return errors.New("nothing is under way")
	case query.Get("iss") == "" && !c.flaws["no iss"], query.Get("iss") != "" && query.Get("iss") != c.trust.Issuer && !c.flaws["any iss"]:
		return errors.New("iss")
	case query.Get("state") == "" && !c.flaws["no state"], query.Get("state") != "" && query.Get("state") != e.state && !c.flaws["any state"]:
		return errors.New("state")
	case query.Get("error") != "":
		e.done = true
		return errors.New("denied")
	}
	e.done = true
	form := url.Values{"grant_type": {"authorization_code"}, "code": {query.Get("code")}, "redirect_uri": {c.plan.Site.RedirectURI}, "code_verifier": {e.verifier}}
	if !e.asking {
		t, err := c.token(r.Context(), form, e)
		if err != nil {
			return err
		}
		e.sub = t.sub
		return c.push(w, r, e)
	}
	return c.use(r.Context(), form, e)
}

// tokens is a token response.
type tokens struct {
	Access  string          `json:"access_token"`
	Type    string          `json:"token_type"`
	Refresh string          `json:"refresh_token"`
	ID      string          `json:"id_token"`
	Details json.RawMessage `json:"authorization_details"`
	sub     string
}

func (c *careless) token(ctx context.Context, form url.Values, e *errand) (tokens, error) {
	var t tokens
	status, body, err := c.post(ctx, c.trust.Issuer+"/token", "", form, e)
	if err != nil || status != http.StatusOK {
		return t, fmt.Errorf("token: %s %w", body, err)
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return t, err
	}
	if t.Type != "DPoP" && !c.flaws["bearer"] {
		return t, errors.New("the token is bound to no key")
	}
	if t.ID == "" {
		return t, nil
	}
	t.sub, err = c.identity(t.ID, e)
	return t, err
}

// identity checks an id_token.
func (c *careless) identity(token string, e *errand) (string, error) {
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct {
		Iss, Sub, Aud, Nonce string
		Exp                  int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", err
	}
	switch {
	case !c.flaws["unsigned id"] && !c.signedByHub(token):
		return "", errors.New("id_token: signature")
	case claims.Iss != c.trust.Issuer && !c.flaws["id by anybody"]:
		return "", errors.New("id_token: iss")
	case claims.Aud != c.plan.Site.ClientID && !c.flaws["id for anybody"]:
		return "", errors.New("id_token: aud")
	case claims.Nonce != e.nonce && !c.flaws["id of any login"]:
		return "", errors.New("id_token: nonce")
	case claims.Exp <= time.Now().Unix() && !c.flaws["old id"]:
		return "", errors.New("id_token: exp")
	case e.asking && claims.Sub != e.sub && !c.flaws["other person"]:
		return "", errors.New("another person answered")
	}
	return claims.Sub, nil
}

func (c *careless) again(ctx context.Context, e *errand) error {
	return c.use(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {e.refresh}}, e)
}

// use takes one use: token, release, every check, countersignature.
func (c *careless) use(ctx context.Context, form url.Values, e *errand) error {
	t, err := c.token(ctx, form, e)
	if err != nil {
		return err
	}
	e.refresh = t.Refresh
	var details []struct {
		Terms json.RawMessage
		Use   int
	}
	if err := json.Unmarshal(t.Details, &details); err != nil || len(details) == 0 || len(details) > 1 && !c.flaws["any details"] {
		return errors.New("the response is not for one transfer")
	}
	terms, err := consent.ParseTerms(details[0].Terms)
	if err != nil {
		return err
	}
	cat, err := c.listing(ctx)
	if err != nil {
		return err
	}
	sent := transfer.Sent{Request: e.request, Subject: e.sub, Salt: e.salt, Terms: terms, Use: details[0].Use}
	checks := transfer.Consumer{Agency: c.keys.Agency, Trust: c.trust}
	if err := checks.CheckGrant(sent, cat); err != nil && !c.skipped(err) {
		return err
	}
	provider, _ := cat.Agency(c.plan.Provider)
	answer, err := c.fetch(ctx, provider.Release, t.Access, details[0].Terms, e)
	if err != nil {
		return err
	}
	if err := c.look(checks, sent, answer, e); err != nil && !c.skipped(err) {
		return err
	}
	return c.countersign(ctx, provider.Release, sent, answer)
}

func (c *careless) fetch(ctx context.Context, address, token string, terms []byte, e *errand) (transfer.ReleaseAnswer, error) {
	key := rand.Text()
	if c.flaws["one idempotency key"] {
		key = "one-key-for-everything"
	}
	body, err := json.Marshal(transfer.ReleaseRequest{Request: e.request, Terms: terms, IdempotencyKey: key})
	if err != nil {
		return transfer.ReleaseAnswer{}, err
	}
	for range 2 {
		status, got, err := c.post(ctx, address, "application/json", url.Values{"": {string(body)}, "token": {token}}, e)
		if err != nil {
			return transfer.ReleaseAnswer{}, err
		}
		if status == http.StatusOK {
			var a transfer.ReleaseAnswer
			err := json.Unmarshal(got, &a)
			if a.Promise == "" && !c.flaws["no promise"] {
				err = errors.New("no promise")
			}
			return a, err
		}
		if status != http.StatusServiceUnavailable || c.flaws["gives up"] {
			return transfer.ReleaseAnswer{}, fmt.Errorf("release: %d %s", status, got)
		}
	}
	return transfer.ReleaseAnswer{}, errors.New("the provider is busy")
}

// look makes every check of an answer.
func (c *careless) look(checks transfer.Consumer, sent transfer.Sent, answer transfer.ReleaseAnswer, e *errand) error {
	if answer.Promise == "" {
		return nil
	}
	received, ciphertext, err := checks.CheckCommit(sent, answer)
	if err != nil {
		return err
	}
	if !c.flaws["trusting"] {
		go func() {
			if res, err := http.Get(c.trust.Issuer + "/log/proof?leaf=" + received.Promise.Leaf); err == nil {
				res.Body.Close()
			}
		}()
	}
	plain, err := e.opens.Open(envelope.Binding{GrantID: string(sent.Terms.GrantID), Use: sent.Use, SchemaHash: sent.Terms.DataSet.SchemaHash}, ciphertext)
	if err != nil {
		if c.flaws["cannot open"] {
			return nil
		}
		return err
	}
	var p transfer.Plaintext
	if json.Unmarshal(plain, &p) == nil {
		e.evidence = p.Evidence
	}
	return checks.CheckPlaintext(sent, received, plain)
}

func (c *careless) countersign(ctx context.Context, provider string, sent transfer.Sent, answer transfer.ReleaseAnswer) error {
	jws, err := consent.SignReceived(consent.ReceivedClaims{Issuer: c.keys.Agency, Audience: c.trust.Issuer, IssuedAt: time.Now().Unix(),
		GrantID: sent.Terms.GrantID, Use: sent.Use, Commit: consent.DigestOf(answer.Commit)}, c.keys.Signer, c.keys.Chain)
	if err != nil {
		return err
	}
	for _, address := range []string{provider, c.trust.Issuer + "/agency/received"} {
		if c.flaws["tells no provider"] && address == provider {
			continue
		}
		if _, _, err := c.post(ctx, address, "application/jose", url.Values{"": {jws}}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *careless) signedByHub(token string) bool {
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return false
	}
	_, err = object.Verify(c.trust.HubKeys.Keys[0].Key)
	return err == nil
}
