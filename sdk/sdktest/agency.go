package sdktest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

func (h *Hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", h.metadata)
	mux.HandleFunc("POST /par", h.par)
	mux.HandleFunc("POST /token", h.token)
	mux.HandleFunc("GET /catalogue", h.catalogue)
	mux.HandleFunc("GET /log/proof", h.proof)
	mux.HandleFunc("POST /agency/commits", h.commits)
	mux.HandleFunc("POST /agency/received", h.received)
	mux.HandleFunc("POST /agency/deletions", h.deletions)
	mux.HandleFunc("POST /agency/receipts/{grant}", h.received)
	return mux
}

func (h *Hub) catalogue(w http.ResponseWriter, _ *http.Request) {
	jws := must(catalogue.Sign(h.listing(), h.world.Hub, h.world.Trust.HubKeys.Keys[0].KeyID))
	w.Header().Set("Content-Type", "application/jose")
	_, _ = io.WriteString(w, jws)
}

// listing is the catalogue, or what a lying hub makes of it.
func (h *Hub) listing() catalogue.Catalogue {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := *h.world.Catalogue
	if h.first == nil {
		first := c
		h.first = &first
	}
	switch h.lie {
	case OldCatalogue:
		return *h.first
	case OldEntry:
		c.Version++
		c.Agencies = h.first.Agencies
	}
	return c
}

// RenewEntry has the provider sign its entry again: the next version of the
// catalogue, a minute later.
func (h *Hub) RenewEntry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.world.Renew(time.Minute)
}

// proof is the place of a leaf in the log (C2SP tlog-proof).
func (h *Hub) proof(w http.ResponseWriter, r *http.Request) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(r.URL.Query().Get("leaf"))
	if err != nil || len(raw) != len(tlog.Hash{}) {
		refuse(w, problem{Status: http.StatusBadRequest, Code: "leaf", Check: "leaf", Cause: "want the hash of a leaf", Mender: "agency"})
		return
	}
	log := h.log()
	proof, err := log.ProofOfLeaf(r.Context(), tlog.Hash(raw))
	if err != nil || h.lying() == HideLeaf {
		refuse(w, problem{Status: http.StatusNotFound, Code: "not_published", Check: "leaf", Cause: "the log does not have it", Mender: "agency"})
		return
	}
	_, _ = w.Write(proof.Marshal())
}

// body reads a compact JWS; ok false means that the refusal was written.
func body(w http.ResponseWriter, r *http.Request) (string, bool) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/jose" {
		refuse(w, problem{Status: http.StatusUnsupportedMediaType, Code: "media_type", Check: "content type",
			Cause: "send one compact JWS as application/jose", Mender: "agency"})
		return "", false
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		refuse(w, problem{Status: http.StatusRequestEntityTooLarge, Code: "body", Check: "body", Cause: "it is too large", Mender: "agency"})
		return "", false
	}
	return strings.TrimSpace(string(raw)), true
}

// commits is the hub's durable yes to one use.
func (h *Hub) commits(w http.ResponseWriter, r *http.Request) {
	jws, ok := body(w, r)
	if !ok {
		return
	}
	h.mu.Lock()
	happen := h.during
	h.during = nil
	h.mu.Unlock()
	if claims, err := consent.OpenCommit(jws, h.world.Trust.AgencyRoots); err == nil && happen != nil {
		happen(string(claims.GrantID))
	}
	promise, err := h.world.Ledger.Use(r.Context(), jws)
	promise, err = h.promise(jws, promise, err)
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"promise": promise})
}

// promise is the ledger's answer to a commit, or what a lying hub says.
func (h *Hub) promise(jws, honest string, refused error) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.promised == "" {
		h.promised = honest
	}
	switch {
	case h.lie == ReplayPromise && refused == nil:
		return h.promised, nil
	case refused != nil && (h.lie == ReleaseEndedGrant || h.lie == AlterTerms && h.alteration.Signed):
		c, err := consent.OpenCommit(jws, h.world.Trust.AgencyRoots)
		if err != nil {
			return "", err
		}
		leaf, now := make([]byte, 32), time.Now().UTC().Add(h.advance+h.skew)
		_, _ = rand.Read(leaf)
		return h.sign(consent.PromiseJWT, consent.PromiseClaims{Issuer: h.URL, Audience: c.Issuer, IssuedAt: now.Unix(), Leaf: consent.Encode(leaf), Deadline: now.Add(time.Minute).Unix(),
			Nonce: c.Nonce, GrantID: c.GrantID, Use: c.Use, Commit: consent.DigestOf(jws)}), nil
	}
	return honest, refused
}

// received takes the consumer's countersignature and answers the receipt.
func (h *Hub) received(w http.ResponseWriter, r *http.Request) {
	jws, ok := body(w, r)
	if !ok {
		return
	}
	record, err := h.world.Ledger.Received(r.Context(), jws)
	if err == nil && r.PathValue("grant") != "" && r.PathValue("grant") != string(record.Grant) {
		err = consent.ErrUnknown
	}
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	if h.lying() == HideLeaf {
		writeJSON(w, http.StatusAccepted, map[string]any{})
		return
	}
	made, err := receipt.Assembler{Ledger: h.world.Ledger, Proofs: h.log()}.ForConsumer(r.Context(), record.Grant, record.Consumer)
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"receipt": made})
}

// deletions takes the consumer's statement that it deleted what it learned.
func (h *Hub) deletions(w http.ResponseWriter, r *http.Request) {
	jws, ok := body(w, r)
	if !ok {
		return
	}
	record, err := h.world.Ledger.Deleted(r.Context(), jws)
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"deleted": record.Deleted.Format(time.RFC3339)})
}

// problem is a problem document (RFC 9457), as a hub writes it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Check  string `json:"check"`
	Cause  string `json:"cause"`
	Mender string `json:"mender"`
}

func refuse(w http.ResponseWriter, p problem) {
	p.Type, p.Title = "urn:mydata:problem:"+p.Code, http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	writeJSON(w, p.Status, p)
}

// refusals are a hub's words for the ledger's. The suite holds them against the
// real one.
var refusals = []struct {
	err                 error
	status              int
	code, check, mender string
	cause               string
}{
	{consent.ErrUnknown, 404, "unknown_grant", "grant", "agency", "there is no such grant"},
	{consent.ErrForeign, 404, "unknown_grant", "grant", "agency", "there is no such grant"},
	{consent.ErrWithdrawn, 409, "withdrawn", "grant state", "citizen", "the citizen has withdrawn the consent"},
	{consent.ErrExpired, 409, "expired", "grant state", "consumer", "the grant's time is over"},
	{consent.ErrConsumed, 409, "consumed", "grant state", "consumer", "all uses are taken"},
	{consent.ErrPaused, 409, "paused", "grant state", "citizen", "the grant is paused"},
	{consent.ErrPending, 409, "pending", "grant state", "citizen", "the citizen has not decided yet"},
	{consent.ErrDenied, 409, "denied", "grant state", "consumer", "the citizen has refused"},
	{consent.ErrCancelled, 409, "cancelled", "grant state", "consumer", "the request was cancelled"},
	{consent.ErrInvalid, 409, "invalidated", "grant state", "operator", "the grant was invalidated"},
	{consent.ErrUseTaken, 409, "use_taken", "use", "provider", "this is not the next use number"},
	{consent.ErrDecided, 409, "decided", "grant state", "consumer", "this was decided already"},
	{consent.ErrStanding, 409, "standing", "grant state", "consumer", "the grant is not over: say what you deleted afterwards"},
	{consent.ErrReused, 409, "reused", "idempotency", "agency", "this was used for another request"},
	{receipt.ErrNotGranted, 409, "not_granted", "grant state", "consumer", "there is nothing to give a receipt for"},
	{consent.ErrConflict, 503, "busy", "ledger", "agency", "too many at once, send the same again"},
	{consent.ErrKept, 503, "outcome_unknown", "ledger", "operator", "the outcome is not known yet, send the same again"},
}

func problemOf(err error) problem {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return problem{Status: r.status, Code: r.code, Check: r.check, Cause: r.cause, Mender: r.mender}
		}
	}
	p := problem{Status: http.StatusBadRequest, Code: "check_failed", Mender: "agency"}
	var c *consent.CheckError
	var a *approval.CheckError
	switch {
	case errors.As(err, &c):
		p.Check, p.Cause = c.Check, c.Cause
	case errors.As(err, &a):
		p.Check, p.Cause = a.Check, a.Cause
	default:
		return problem{Status: http.StatusInternalServerError, Code: "internal", Check: "service", Cause: err.Error(), Mender: "operator"}
	}
	return p
}

// wordOf is the reason's word, for programs, and its cause.
func wordOf(err error) (word, cause string) {
	p := problemOf(err)
	if p.Code == "check_failed" {
		return p.Check, p.Cause
	}
	return p.Code, p.Cause
}
