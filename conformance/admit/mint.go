package admit

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// minted is a token response in its parts.
type minted struct {
	asked   *asked // the token
	Type    string
	ID      map[string]any // id_token's claims
	signs   crypto.Signer  // the id_token's
	Details []map[string]any
}

// mint makes what an honest hub answers.
func (h *hub) mint(ctx context.Context, t *ticket, jkt string) (*minted, error) {
	b, now := h.b, h.b.now()
	sub, err := b.world.People.Pairwise(ctx, t.person, b.plan.Consumer)
	if err != nil {
		return nil, err
	}
	m := &minted{Type: "DPoP", signs: b.world.Hub, ID: map[string]any{"iss": b.options.Issuer, "sub": sub, "aud": b.plan.Site.ClientID, "nonce": t.Nonce,
		"iat": now.Unix(), "exp": now.Unix() + 300, "auth_time": now.Unix(), "amr": []string{"hwk", "user"}}}
	if t.grant == "" {
		return m, nil
	}
	n, err := b.world.Ledger.NextUse(ctx, t.grant, b.plan.Site.ClientID)
	if err != nil {
		return nil, err
	}
	m.asked = &asked{b: b, person: t.person, record: n.Record, sub: sub}
	if err := m.asked.fill(ctx, n); err != nil {
		return nil, err
	}
	m.asked.Token.Confirmation.JKT = jkt
	m.Details = []map[string]any{{"type": consent.TransferType, "grant_id": t.grant, "use": n.Use, "consumer": b.plan.Consumer, "locations": []string{b.plan.Provider}}}
	return m, nil
}

func (m *minted) answer(h *hub, t *ticket) (map[string]any, error) {
	answer := map[string]any{"access_token": "of-no-use", "token_type": m.Type, "expires_in": 60}
	if !t.refresh {
		id, err := sign(m.signs, h.b.kid(), "JWT", m.ID)
		if err != nil {
			return nil, err
		}
		answer["id_token"] = id
	}
	if m.asked == nil {
		return answer, nil
	}
	token, err := m.asked.token()
	if err != nil {
		return nil, err
	}
	for _, d := range m.Details {
		if _, set := d["terms"]; !set {
			d["terms"] = m.asked.Terms
		}
	}
	answer["access_token"], answer["authorization_details"] = token, m.Details
	return answer, nil
}

// making is an answer of the provider played here, in its parts. A case changes
// it before the step that it names.
type making struct {
	h        *hub
	granted  *transfer.Granted
	evidence transfer.Evidence
	signer   consenttest.Agency // of the evidence
	binding  envelope.Binding
	plain    transfer.Plaintext
	salt     []byte
	commit   consent.CommitClaims
	commits  consenttest.Agency // who signs the commit
	answer   transfer.ReleaseAnswer
}

// The steps before which a case may change something.
const (
	stepSign   = "sign"
	stepSeal   = "seal"
	stepCommit = "commit"
	stepAnswer = "answer"
)

// release is the provider played here: it makes every check of a provider.
func (h *hub) release(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, transfer.MaxReleaseRequest))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "malformed", "body", "too large")
		return
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/jose") {
		h.mu.Lock()
		h.acked = append(h.acked, string(raw))
		h.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{})
		return
	}
	h.mu.Lock()
	h.releases++
	h.mu.Unlock()
	body, err := transfer.ParseReleaseRequest(raw)
	if err != nil {
		h.flaw(flawRelease, err.Error())
		refuse(w, http.StatusBadRequest, "malformed", "release request", err.Error())
		return
	}
	b := h.b
	granted, err := transfer.Provider{Agency: b.plan.Provider, Endpoint: b.options.Issuer + "/release", Trust: b.world.Trust, Key: b.world.Provider.Encryption,
		Replay: &h.replay, Now: b.now}.Check(r, body, b.world.Catalogue)
	if err != nil {
		if h.hooked().answer == nil { // a case that bends the token is refused rightly
			h.flaw(flawRelease, err.Error())
		}
		refuse(w, http.StatusForbidden, "refused", transfer.CheckOf(err), "refused")
		return
	}
	h.mu.Lock()
	h.sent = append(h.sent, seenRelease{string(granted.Terms.GrantID), granted.Detail.Use, body.IdempotencyKey, string(raw)})
	busy := h.hooks.busy > 0
	if busy {
		h.hooks.busy--
	}
	h.mu.Unlock()
	if busy {
		refuse(w, http.StatusServiceUnavailable, "hub_unavailable", "commit", "ask again")
		return
	}
	made, err := h.make(r.Context(), granted)
	if err != nil {
		refuseErr(w, err)
		return
	}
	writeJSON(w, http.StatusOK, made)
}

type seenRelease struct {
	grant string
	use   int
	key   string
	body  string
}

// make makes the answer, with what a case changes.
func (h *hub) make(ctx context.Context, g *transfer.Granted) (transfer.ReleaseAnswer, error) {
	b := h.b
	bend := h.hooked().release
	if bend == nil {
		bend = func(string, *making) {}
	}
	m := &making{h: h, granted: g, signer: b.world.Provider, commits: b.world.Provider, salt: make([]byte, 32),
		binding: envelope.Binding{GrantID: string(g.Terms.GrantID), Use: g.Detail.Use, SchemaHash: g.Terms.DataSet.SchemaHash},
		evidence: transfer.Evidence{Provider: b.plan.Provider, Consumer: g.Detail.Consumer, GrantID: g.Terms.GrantID, Use: g.Detail.Use,
			Subject: g.Terms.Subjects.Consumer, DataSet: g.DataSet.ID, Terms: g.Detail.Terms, IssuedAt: b.now(), Claims: map[string]any{}}}
	for _, c := range g.Terms.Claims {
		value, known := b.plan.People.One.Values[c.Name]
		if !known {
			return m.answer, fmt.Errorf("the plan gives no value of %q", c.Name)
		}
		m.evidence.Claims[c.Name] = value
	}
	_, _ = rand.Read(m.salt)
	bend(stepSign, m)
	var err error
	if m.plain.Evidence, err = m.evidence.Sign(sdjwt.Key{Signer: m.signer.Key, X5C: m.signer.Chain}); err != nil {
		return m.answer, err
	}
	h.secret(m.plain.Evidence)
	m.plain.Salt = consent.Encode(m.salt)
	bend(stepSeal, m)
	return m.answer, m.finish(ctx, bend)
}

func (m *making) finish(ctx context.Context, bend func(string, *making)) error {
	text, err := json.Marshal(m.plain)
	if err != nil {
		return err
	}
	public, err := base64.RawURLEncoding.DecodeString(m.granted.Terms.RecipientKey.Public)
	if err != nil {
		return err
	}
	ciphertext, err := envelope.Seal(public, m.binding, text)
	if err != nil {
		return err
	}
	sum, plain, nonce := sha256.Sum256(ciphertext), transfer.PlaintextDigest(m.salt, m.plain.Evidence), make([]byte, 32)
	_, _ = rand.Read(nonce)
	b := m.h.b
	m.commit = consent.CommitClaims{Issuer: b.plan.Provider, Audience: b.options.Issuer, IssuedAt: b.now().Unix(), GrantID: m.granted.Terms.GrantID,
		Use: m.granted.Detail.Use, Terms: m.granted.Detail.Terms, Ciphertext: consent.Encode(sum[:]), Plaintext: consent.Encode(plain[:]), Nonce: consent.Encode(nonce)}
	m.answer.Ciphertext = consent.Encode(ciphertext)
	bend(stepCommit, m)
	if m.answer.Commit, err = consent.SignCommit(m.commit, m.commits.Key, m.commits.Chain); err != nil {
		return err
	}
	if m.answer.Promise, err = b.world.Ledger.Use(ctx, m.answer.Commit); err != nil { // an honest hub promises no such thing
		if m.answer.Promise, err = b.promise(m.answer.Commit, b.world.Hub, nil); err != nil {
			return err
		}
	}
	bend(stepAnswer, m)
	if p, err := consent.OpenPromise(m.answer.Promise, b.world.Trust.HubKeys); err == nil {
		m.h.mu.Lock()
		m.h.leaves = append(m.h.leaves, p.Leaf)
		m.h.mu.Unlock()
	}
	return nil
}
