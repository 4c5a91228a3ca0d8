package admit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/sdk"
)

// loose is a provider that can leave out one check, or several: what nobody can
// make of sdk.Provider. All of it is in memory.
type loose struct {
	trust  consent.Trust
	keys   sdk.Keys
	url    string
	people map[string]map[string]any
	first  string // whose record a provider gives that does not look
	flaws  map[string]bool
	skips  []skipping
	now    func() time.Time
	replay dpop.Memory

	mu    sync.Mutex
	uses  map[string]*used // by grant and number
	same  map[string]*used // by token and body
	keyed map[string]string
	pins  map[string]string
	last  map[string]time.Time
}

// skipping is a refusal of pkg/consent/transfer that is not heard.
type skipping struct{ check, cause string }

type used struct {
	key, commit, grant, consumer string
	plain                        []byte
	answer                       transfer.ReleaseAnswer
	at                           time.Time
	acked                        bool
	granted                      *transfer.Granted
	claims                       map[string]any
}

func newLoose(folder, url string, people map[string]map[string]any, first string) (*loose, error) {
	trust, err := sdk.LoadTrust(filepath.Join(folder, "trust"))
	if err != nil {
		return nil, err
	}
	keys, err := sdk.LoadKeys(filepath.Join(folder, "identity"))
	return &loose{trust: trust, keys: keys, url: url, people: people, first: first, flaws: map[string]bool{}, now: time.Now,
		uses: map[string]*used{}, same: map[string]*used{}, keyed: map[string]string{}, pins: map[string]string{}, last: map[string]time.Time{}}, err
}

// no is a refusal.
type no struct {
	status      int
	code, cause string
}

func (n *no) Error() string { return n.code + ": " + n.cause }

func (l *loose) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.flaws["cached"] {
		w.Header().Set("Cache-Control", "no-store")
	}
	answer, err := l.serve(w, r)
	if err != nil {
		l.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (l *loose) refuse(w http.ResponseWriter, err error) {
	n, ok := errors.AsType[*no](err)
	if refused, is := errors.AsType[*transfer.Refusal](err); is {
		n, ok = &no{http.StatusForbidden, "refused", refused.Check}, true
	}
	if !ok {
		n = &no{http.StatusBadRequest, "malformed", "it cannot be read"}
		if l.flaws["faulty"] {
			n.status = http.StatusInternalServerError
		}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	if l.flaws["plain"] && n.status == http.StatusForbidden {
		w.Header().Set("Content-Type", "text/plain")
	}
	w.WriteHeader(n.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": n.status, "code": n.code, "cause": n.cause})
}

func (l *loose) serve(w http.ResponseWriter, r *http.Request) (any, error) {
	if r.Method != http.MethodPost && !l.flaws["any method"] {
		return nil, &no{405, "method", "POST"}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	l.mu.Lock() // one at a time is enough here
	defer l.mu.Unlock()
	switch kind := r.Header.Get("Content-Type"); {
	case kind == "application/jose":
		return struct{}{}, l.acknowledge(string(raw))
	case kind != "application/json" && !l.flaws["any type"]:
		return nil, &no{415, "malformed", "content type"}
	}
	if l.flaws["endless"] {
		raw = bytes.TrimSpace(raw)
	}
	body, err := transfer.ParseReleaseRequest(raw)
	if l.flaws["lax JSON"] && err != nil && strings.Contains(err.Error(), "duplicate") {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		return nil, err
	}
	r.Method = http.MethodPost
	return l.release(w, r, raw, body)
}

func (l *loose) acknowledge(jws string) error {
	c, err := consent.OpenReceived(jws, l.trust.AgencyRoots)
	if err != nil {
		return err
	}
	u := l.uses[fmt.Sprint(c.GrantID, "/", c.Use)]
	if u == nil || c.Commit != consent.DigestOf(u.commit) || c.Issuer != u.consumer && !l.flaws["any acknowledgement"] {
		return &no{404, "unknown_release", "there is no such release"}
	}
	u.acked = !l.flaws["deaf"]
	return nil
}

func (l *loose) listing(ctx context.Context) (*catalogue.Catalogue, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.trust.Issuer+"/catalogue", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return catalogue.Open(string(text), l.trust.HubKeys, l.trust.AgencyRoots)
}

func (l *loose) release(w http.ResponseWriter, r *http.Request, raw []byte, body transfer.ReleaseRequest) (any, error) {
	checks := transfer.Provider{Agency: l.keys.Agency, Endpoint: l.url, Trust: l.trust, Key: l.keys.Encryption, Replay: &l.replay, Now: l.now}
	same := consent.DigestOf(r.Header.Get("Authorization") + "\x00" + string(raw))
	if u := l.same[same]; u != nil {
		if err := checks.CheckRetry(r); err != nil && !l.skipped(err) {
			return nil, err
		}
		return l.finish(r.Context(), w, u)
	}
	cat, err := l.listing(r.Context())
	if err != nil {
		return nil, &no{503, "hub_unavailable", "ask again"}
	}
	g, err := checks.Check(r, body, cat)
	if err != nil {
		if !l.skipped(err) {
			return nil, err
		}
		if g, err = l.unchecked(r, body, cat); err != nil {
			return nil, err
		}
	}
	u, err := l.prepare(g, body)
	if err != nil {
		return nil, err
	}
	l.same[same] = u
	return l.finish(r.Context(), w, u)
}

func (l *loose) skipped(err error) bool {
	refused, ok := errors.AsType[*transfer.Refusal](err)
	for _, s := range l.skips {
		if ok && refused.Check == s.check && strings.Contains(refused.Cause, s.cause) {
			return true
		}
	}
	return false
}

// unchecked reads what it is given and believes all of it.
func (l *loose) unchecked(r *http.Request, body transfer.ReleaseRequest, cat *catalogue.Catalogue) (*transfer.Granted, error) {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("no token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	g := &transfer.Granted{}
	if err := json.Unmarshal(payload, &g.Token); err != nil || len(g.Token.Details) == 0 {
		return nil, fmt.Errorf("token: %w", err)
	}
	g.Detail = g.Token.Details[0]
	if g.Sealed, err = transfer.Open(g.Token.Sealed, l.keys.Encryption); err != nil {
		return nil, err
	}
	if g.Terms, err = consent.ParseTerms(body.Terms); err != nil {
		return nil, err
	}
	g.DataSet, _ = cat.DataSet(g.Terms.DataSet.ID)
	return g, nil
}

func (l *loose) prepare(g *transfer.Granted, body transfer.ReleaseRequest) (*used, error) {
	id := fmt.Sprint(g.Detail.GrantID, "/", g.Detail.Use)
	if l.uses[id] != nil && !l.flaws["no count"] {
		return nil, &no{409, "use_taken", "use number"}
	}
	if was := l.keyed[body.IdempotencyKey]; was != "" && was != id && !l.flaws["any key"] {
		return nil, &no{409, "idempotency_key_reused", "idempotency key"}
	}
	if every, err := consent.Interval(g.Terms.Frequency); g.Terms.Frequency != "" && err == nil && !l.flaws["hasty"] &&
		l.now().Before(l.last[g.Detail.GrantID].Add(every)) {
		return nil, &no{409, "too_soon", "frequency"}
	}
	if err := l.pin(g); err != nil {
		return nil, err
	}
	record, known := l.people[g.Sealed.ResidentID]
	switch {
	case !known && l.flaws["any person"]:
		record = l.people[l.first]
	case !known && l.flaws["talkative"]:
		return nil, &no{404, "no_match", "there is no record of " + g.Sealed.ResidentID}
	case !known:
		return nil, &no{404, "no_match", "no record"}
	case l.flaws["first person"]:
		record = l.people[l.first]
	}
	claims := map[string]any{}
	for _, c := range g.Terms.Claims {
		claims[c.Name] = record[c.Name]
		if record[c.Name] == nil {
			return nil, &no{409, "no_value", "no value"}
		}
	}
	if l.flaws["unticked too"] && g.Terms.Action == consent.ActionDerive && len(claims) < 3 {
		claims["checked_on"] = record["checked_on"]
	}
	if l.flaws["whole record"] && g.Terms.Action == consent.ActionRelease {
		claims["remarks"] = "all"
	}
	u := &used{key: body.IdempotencyKey, grant: g.Detail.GrantID, consumer: g.Detail.Consumer, granted: g, claims: claims}
	l.uses[id], l.keyed[body.IdempotencyKey] = u, id
	return u, l.seal(u)
}

// pin compares the passkey history with the one seen before.
func (l *loose) pin(g *transfer.Granted) error {
	history, err := json.Marshal(g.Sealed.Approval.History[0].Event)
	if err != nil || len(g.Sealed.Approval.History) == 0 {
		return err
	}
	if was := l.pins[g.Sealed.Subject]; was != "" && was != string(history) && !l.flaws["forgetful"] {
		return &no{403, "refused", "pinned passkey history"}
	}
	l.pins[g.Sealed.Subject] = string(history)
	return nil
}

func (l *loose) seal(u *used) error {
	g := u.granted
	evidence, err := transfer.Evidence{Provider: l.keys.Agency, Consumer: g.Detail.Consumer, GrantID: g.Terms.GrantID, Use: g.Detail.Use,
		Subject: g.Terms.Subjects.Consumer, DataSet: g.Terms.DataSet.ID, Terms: g.Detail.Terms, IssuedAt: l.now(), Claims: u.claims}.
		Sign(sdjwt.Key{Signer: l.keys.Signer, X5C: l.keys.Chain})
	if err != nil {
		return err
	}
	salt, nonce := make([]byte, 32), make([]byte, 32)
	rand.Read(salt)
	rand.Read(nonce)
	if u.plain, err = json.Marshal(transfer.Plaintext{Evidence: evidence, Salt: consent.Encode(salt)}); err != nil {
		return err
	}
	ciphertext, err := l.encrypt(u)
	if err != nil {
		return err
	}
	sum, plain := sha256.Sum256(ciphertext), transfer.PlaintextDigest(salt, evidence)
	u.answer.Ciphertext = consent.Encode(ciphertext)
	u.commit, err = consent.SignCommit(consent.CommitClaims{Issuer: l.keys.Agency, Audience: l.trust.Issuer, IssuedAt: l.now().Unix(), GrantID: g.Terms.GrantID,
		Use: g.Detail.Use, Terms: g.Detail.Terms, Ciphertext: consent.Encode(sum[:]), Plaintext: consent.Encode(plain[:]), Nonce: consent.Encode(nonce)}, l.keys.Signer, l.keys.Chain)
	u.answer.Commit = u.commit
	return err
}

func (l *loose) encrypt(u *used) ([]byte, error) {
	public, err := base64.RawURLEncoding.DecodeString(u.granted.Terms.RecipientKey.Public)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(public, envelope.Binding{GrantID: u.grant, Use: u.granted.Detail.Use, SchemaHash: u.granted.Terms.DataSet.SchemaHash}, u.plain)
}

// finish commits if need be, and answers.
func (l *loose) finish(ctx context.Context, w http.ResponseWriter, u *used) (any, error) {
	if u.answer.Promise == "" {
		if l.flaws["early byte"] {
			w.WriteHeader(http.StatusEarlyHints)
		}
		if l.flaws["other commit"] && !u.at.IsZero() {
			if err := l.seal(u); err != nil {
				return nil, err
			}
		}
		u.at = l.now()
		if err := l.commit(ctx, u); err != nil {
			return nil, err
		}
		u.at = l.now()
		l.last[u.grant] = u.at
		return u.answer, nil
	}
	if u.acked || l.now().After(u.at.Add(10*time.Minute)) && !l.flaws["for ever"] {
		return nil, &no{410, "already_sent", "retry"}
	}
	if l.flaws["fresh bytes"] {
		if err := l.seal(u); err != nil {
			return nil, err
		}
	}
	return u.answer, nil
}

func (l *loose) commit(ctx context.Context, u *used) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.trust.Issuer+"/agency/commits", strings.NewReader(u.commit))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/jose")
	var yes struct{ Promise string }
	res, err := http.DefaultClient.Do(r)
	status := http.StatusServiceUnavailable
	if err == nil {
		defer res.Body.Close()
		status = res.StatusCode
		_ = json.NewDecoder(res.Body).Decode(&yes)
	}
	switch {
	case status == 503 && l.flaws["hub down is yes"], status == 409 && l.flaws["no is yes"]:
		u.answer.Promise = "a.b.c"
		return nil
	case status == 503:
		return &no{503, "hub_unavailable", "ask again"}
	case status != 200:
		return &no{409, "refused", "the hub says no"}
	}
	claims, err := consent.OpenCommit(u.commit, l.trust.AgencyRoots)
	if err != nil {
		return err
	}
	promise, err := transfer.CheckPromised(yes.Promise, u.commit, claims, l.trust, l.now())
	if err != nil && !l.skipped(err) {
		return err
	}
	u.answer.Promise = yes.Promise
	if err == nil && !l.flaws["trusting"] {
		go func() { // what an agency does later
			if res, err := http.Get(l.trust.Issuer + "/log/proof?leaf=" + promise.Leaf); err == nil {
				res.Body.Close()
			}
		}()
	}
	return nil
}
