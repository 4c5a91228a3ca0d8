package sdk

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
)

const (
	citizen     = "resident-07"
	redirectURI = "https://licence.example/callback"
)

// testHub serves the world's real ledger: every decision is the ledger's, every
// signature real. Only the pages are played, by visit.
type testHub struct {
	t      testing.TB
	world  *consenttest.World
	replay dpop.Memory

	mu     sync.Mutex
	pushed map[string]pushedRequest
	codes  map[string]pushedRequest
	second consenttest.Agency // a second provider, where there is one
	ticks  []bool             // which parts of a bundle the citizen leaves ticked
	// officers are the signatures under the catalogue, as the hub shows them.
	officers []string
	// bend changes what a token is made of, before it is signed.
	bend func(*transfer.TokenClaims, *transfer.Sealed)
	// bendID changes an id_token.
	bendID func(map[string]any)
	// lie answers in the ledger's place what the next token says.
	lie func(consent.GrantID) (consent.Authorized, bool)
}

type pushedRequest struct {
	RedirectURI string          `json:"redirect_uri"`
	State       string          `json:"state"`
	Nonce       string          `json:"nonce"`
	Challenge   string          `json:"code_challenge"`
	JKT         string          `json:"dpop_jkt"`
	Details     json.RawMessage `json:"authorization_details"`
	Subject     struct {
		Sub   string   `json:"sub"`
		Salt  string   `json:"salt"`
		Salts []string `json:"salts"`
	} `json:"mydata_subject"`
	grant  consent.GrantID // the one that a token is for
	grants []consent.GrantID
}

func (h *testHub) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) {
		h.json(w, 200, map[string]string{"issuer": consenttest.Issuer, "authorization_endpoint": consenttest.Issuer + "/authorize",
			"token_endpoint": consenttest.Issuer + "/token", "pushed_authorization_request_endpoint": consenttest.Issuer + "/par"})
	})
	mux.HandleFunc("GET /catalogue", func(w http.ResponseWriter, r *http.Request) {
		jws, err := catalogue.Sign(*h.world.Catalogue, h.world.Hub, h.world.Trust.HubKeys.Keys[0].KeyID)
		if err != nil {
			h.t.Error(err)
		}
		io.WriteString(w, jws)
	})
	mux.HandleFunc("GET /catalogue/{version}/officers", func(w http.ResponseWriter, r *http.Request) {
		h.json(w, 200, map[string]any{"signatures": h.officers})
	})
	mux.HandleFunc("GET /log/proof", h.proof)
	mux.HandleFunc("POST /par", h.par)
	mux.HandleFunc("POST /token", h.token)
	mux.HandleFunc("POST /agency/commits", h.commits)
	mux.HandleFunc("POST /agency/received", h.received)
	mux.HandleFunc("POST /agency/deletions", h.deletions)
	return mux
}

func (h *testHub) json(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

// client checks the client's assertion: by its key, for this hub.
func (h *testHub) client(r *http.Request) bool {
	object, err := jose.ParseSignedCompact(r.PostFormValue("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return false
	}
	payload, err := object.Verify(h.world.Consumer.Key.Public())
	var c struct{ Iss, Sub, Aud, Jti string }
	return err == nil && json.Unmarshal(payload, &c) == nil && c.Iss == consenttest.Client && c.Sub == c.Iss && c.Aud == consenttest.Issuer && c.Jti != ""
}

func (h *testHub) par(w http.ResponseWriter, r *http.Request) {
	if !h.client(r) {
		h.json(w, 401, oauthError{Code: "invalid_client"})
		return
	}
	object, err := jose.ParseSignedCompact(r.PostFormValue("request"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		h.json(w, 400, oauthError{Code: "invalid_request_object"})
		return
	}
	payload, err := object.Verify(h.world.Consumer.Key.Public())
	var p pushedRequest
	if err != nil || json.Unmarshal(payload, &p) != nil {
		h.json(w, 400, oauthError{Code: "invalid_request_object"})
		return
	}
	if len(p.Details) > 0 {
		var details []struct{ Request string }
		json.Unmarshal(p.Details, &details)
		var asked []consent.Requested
		for i, text := range append(p.Subject.Salts, p.Subject.Salt)[:len(details)] {
			salt, _ := base64.RawURLEncoding.DecodeString(text)
			asked = append(asked, consent.Requested{
				Client: consenttest.Client, Agency: h.world.Consumer.ID, JWS: details[i].Request, Sub: p.Subject.Sub, Salt: [32]byte(salt)})
		}
		records, err := h.world.Ledger.RequestAll(r.Context(), asked)
		if err != nil {
			h.json(w, 400, oauthError{Code: "invalid_authorization_details", Description: err.Error()})
			return
		}
		for _, record := range records {
			p.grants = append(p.grants, record.Grant)
		}
		p.grant = p.grants[0]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	uri := "urn:ietf:params:oauth:request_uri:" + rand.Text()
	h.pushed[uri] = p
	h.json(w, 201, map[string]any{"request_uri": uri, "expires_in": 90})
}

// visit plays the browser and the citizen: log in, tick, sign, come back.
func (h *testHub) visit(to string, passkey *consenttest.Passkey, claims ...string) url.Values {
	h.t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	p, ok := h.pushed[u.Query().Get("request_uri")]
	h.mu.Unlock()
	if !ok {
		h.t.Fatal("unknown request_uri")
	}
	back := url.Values{"state": {p.State}, "iss": {consenttest.Issuer}}
	if len(p.grants) > 1 {
		h.approveBundle(p, passkey)
	} else if p.grant != "" {
		if len(claims) == 0 {
			if _, err := h.world.Ledger.Deny(context.Background(), p.grant, citizen); err != nil {
				h.t.Fatal(err)
			}
			back.Set("error", "access_denied")
			return back
		}
		if _, err := h.world.Approve(context.Background(), p.grant, citizen, passkey, claims...); err != nil {
			h.t.Fatal(err)
		}
	}
	code := rand.Text()
	h.mu.Lock()
	h.codes[code] = p
	h.mu.Unlock()
	back.Set("code", code)
	return back
}

func (h *testHub) token(w http.ResponseWriter, r *http.Request) {
	if !h.client(r) {
		h.json(w, 401, oauthError{Code: "invalid_client"})
		return
	}
	proof, err := dpop.Check(r, dpop.Policy{Target: consenttest.Issuer + "/token", Replay: &h.replay, Now: h.world.Now})
	if err != nil {
		h.json(w, 400, oauthError{Code: "invalid_dpop_proof", Description: err.Error()})
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := r.PostFormValue("code") + r.PostFormValue("refresh_token")
	p, ok := h.codes[key]
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	good := ok && p.JKT == proof.JKT && (r.PostFormValue("grant_type") == "refresh_token" || consent.Encode(sum[:]) == p.Challenge)
	if !good {
		h.json(w, 400, oauthError{Code: "invalid_grant", Description: "code unknown"})
		return
	}
	if named := r.PostFormValue("authorization_details"); named != "" {
		var details []struct {
			Grant consent.GrantID `json:"grant_id"`
		}
		if json.Unmarshal([]byte(named), &details) != nil || len(details) != 1 || !slices.Contains(p.grants, details[0].Grant) {
			h.json(w, 400, oauthError{Code: "invalid_authorization_details", Description: "not asked for here"})
			return
		}
		p.grant = details[0].Grant
	} else if len(p.grants) > 1 {
		h.json(w, 400, oauthError{Code: "invalid_authorization_details", Description: "name one"})
		return
	}
	answer := map[string]any{"access_token": "opaque", "token_type": "DPoP", "expires_in": 60, "id_token": h.idToken(p)}
	if p.grant != "" {
		if err := h.transfer(answer, p); err != nil {
			word := "refused"
			for name, e := range map[string]error{"denied": consent.ErrDenied, "withdrawn": consent.ErrWithdrawn, "too_soon": consent.ErrTooSoon, "superseded": consent.ErrSuperseded, "consumed": consent.ErrConsumed, "expired": consent.ErrExpired, "paused": consent.ErrPaused} {
				if errors.Is(err, e) {
					word = name
				}
			}
			h.json(w, 400, oauthError{Code: "invalid_grant", Description: word + ": the grant ended"})
			return
		}
		if strings.HasPrefix(key, "refresh-") {
			answer["refresh_token"] = key
		} else {
			refresh := "refresh-" + rand.Text()
			h.codes[refresh] = p
			answer["refresh_token"] = refresh
			delete(h.codes, key)
		}
	}
	h.json(w, 200, answer)
}

func (h *testHub) idToken(p pushedRequest) string {
	sub, _ := h.world.People.Pairwise(context.Background(), citizen, h.world.Consumer.ID)
	now := h.world.Now().Unix()
	claims := map[string]any{"iss": consenttest.Issuer, "sub": sub, "aud": consenttest.Client, "nonce": p.Nonce, "iat": now, "exp": now + 60, "auth_time": now}
	if h.bendID != nil {
		h.bendID(claims)
	}
	return h.sign("JWT", claims)
}

// transfer mints the token of the next use, as the hub's face does.
func (h *testHub) transfer(answer map[string]any, p pushedRequest) error {
	ctx := context.Background()
	next, lies := consent.Authorized{}, false
	if h.lie != nil {
		next, lies = h.lie(p.grant)
	}
	if !lies {
		var err error
		if next, err = h.world.Ledger.NextUse(ctx, p.grant, consenttest.Client); err != nil {
			return err
		}
	}
	proved, err := receipt.Prove(ctx, h.world.Log, next.Approval)
	if err != nil {
		return err
	}
	provider := h.world.Provider
	if next.Record.Provider == h.second.ID {
		provider = h.second
	}
	sub, _ := h.world.People.Pairwise(ctx, citizen, provider.ID)
	salts, err := h.world.People.OrderSalts(ctx, proved.History)
	if err != nil {
		return err
	}
	sealed := transfer.Sealed{Subject: sub, ResidentID: citizen, OrderSalts: salts, SubjectSalt: consent.Encode(next.SubjectSalt[:]), Approval: proved}
	detail := transfer.Detail{Type: consent.TransferType, GrantID: string(p.grant), Terms: next.Record.Terms, Use: next.Use, Consumer: next.Record.Consumer}
	now := h.world.Now()
	consumerSub, _ := h.world.People.Pairwise(ctx, citizen, h.world.Consumer.ID)
	claims := transfer.TokenClaims{Issuer: consenttest.Issuer, Subject: consumerSub, Audience: []string{provider.ID}, ClientID: consenttest.Client,
		IssuedAt: numeric(now), Expiry: numeric(now.Add(time.Minute)), ID: rand.Text(), Confirmation: transfer.Confirmation{JKT: p.JKT}, Details: []transfer.Detail{detail}}
	if h.bend != nil {
		h.bend(&claims, &sealed)
	}
	claims.Sealed, err = transfer.Seal(sealed, provider.EncryptionJWK())
	if err != nil {
		return err
	}
	answer["access_token"] = h.sign("at+jwt", claims)
	answer["authorization_details"] = []any{map[string]any{"type": consent.TransferType, "grant_id": p.grant, "use": next.Use,
		"consumer": detail.Consumer, "locations": []string{next.Record.Provider}, "terms": next.Terms}}
	return nil
}

func (h *testHub) sign(typ string, claims any) string {
	return signWith(h.t, h.world.Hub, h.world.Trust.HubKeys.Keys[0].KeyID, typ, claims)
}

func signWith(t testing.TB, key crypto.Signer, kid, typ string, claims any) string {
	t.Helper()
	s, err := (&hub{key: key, kid: kid}).sign(typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *testHub) problem(w http.ResponseWriter, err error) {
	for code, e := range map[string]error{"withdrawn": consent.ErrWithdrawn, "too_soon": consent.ErrTooSoon, "superseded": consent.ErrSuperseded, "consumed": consent.ErrConsumed, "expired": consent.ErrExpired, "paused": consent.ErrPaused, "use_taken": consent.ErrUseTaken} {
		if errors.Is(err, e) {
			h.json(w, 409, problem{Code: code, Check: "grant state", Cause: err.Error(), Mender: "citizen"})
			return
		}
	}
	h.json(w, 400, problem{Code: "check_failed", Cause: err.Error()})
}

func (h *testHub) commits(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	promise, err := h.world.Ledger.Use(r.Context(), string(body))
	if err != nil {
		h.problem(w, err)
		return
	}
	h.json(w, 200, map[string]string{"promise": promise})
}

func (h *testHub) deletions(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	record, err := h.world.Ledger.Deleted(r.Context(), string(body))
	if err != nil {
		h.problem(w, err)
		return
	}
	h.json(w, 200, map[string]any{"deleted": record.Deleted})
}

func (h *testHub) received(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	record, err := h.world.Ledger.Received(r.Context(), string(body))
	if err != nil {
		h.problem(w, err)
		return
	}
	made, err := receipt.Assembler{Ledger: h.world.Ledger, Proofs: h.world.Log}.ForConsumer(r.Context(), record.Grant, record.Consumer)
	if err != nil {
		h.problem(w, err)
		return
	}
	h.json(w, 200, map[string]any{"receipt": made})
}
