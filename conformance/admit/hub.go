package admit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/dpop"
	"github.com/govmydata/mydata/pkg/tlog"
)

// hub is the hub that the agency under test talks to.
type hub struct {
	b      *Bench
	replay dpop.Memory

	mu       sync.Mutex
	pushed   map[string]*pushed
	codes    map[string]*ticket // also refresh tokens
	pushes   []*pushed          // all of them, in order
	commits  []string           // each commit that was asked for
	received []string           // each countersignature that was taken
	tried    int                // countersignatures that came
	acked    []string           // and that came to the provider played here
	sent     []seenRelease      // each good request to that provider
	leaves   []string           // what was promised
	proofs   map[string]bool    // leaves that were asked for
	tokens   int                // for transfers
	attempts int                // requests for any token
	releases int                // requests to that provider, good or bad
	flaws    map[string]string
	secrets  []string // what no page may show
	callback string   // where the last browser was sent back to
	hooks    hooks
}

// hooks are what one case has the hub, or the provider played here, do otherwise.
type hooks struct {
	// commit answers a commit; use is what an honest hub does.
	commit func(ctx context.Context, jws string, use func() (string, error)) (promise string, drop bool, err error)
	// back is what the browser brings back.
	back func(q map[string]string)
	// deny presses the other button; least unticks what is optional; stay does
	// not send the browser back.
	deny, least, stay bool
	// answer changes a token response before it is sent.
	answer func(t *ticket, m *minted)
	// release changes the provider's answer before a step.
	release func(step string, m *making)
	// silent gives no receipt.
	silent bool
	// busy has the provider answer 503 so often.
	busy int
}

func newHub(b *Bench) *hub {
	h := &hub{b: b, pushed: map[string]*pushed{}, codes: map[string]*ticket{}, proofs: map[string]bool{}, flaws: map[string]string{}}
	h.replay.Now = b.now
	return h
}

func (h *hub) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = hooks{}
}

// with sets the hooks of a case.
func (h *hub) with(k hooks) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = k
}

func (h *hub) hooked() hooks {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hooks
}

// asked is how many commits came so far.
func (h *hub) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.commits)
}

func (h *hub) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", h.metadata)
	mux.HandleFunc("POST /par", h.par)
	mux.HandleFunc("GET /authorize", h.authorize)
	mux.HandleFunc("POST /token", h.token)
	mux.HandleFunc("GET /catalogue", h.catalogue)
	mux.HandleFunc("GET /log/proof", h.proof)
	mux.HandleFunc("POST /agency/commits", h.commit)
	mux.HandleFunc("POST /agency/received", h.receive)
	mux.HandleFunc("POST /agency/receipts/{grant}", h.receive)
	mux.HandleFunc("POST /release", h.release)
	return mux
}

func (h *hub) catalogue(w http.ResponseWriter, _ *http.Request) {
	jws, err := catalogue.Sign(*h.b.world.Catalogue, h.b.world.Hub, h.b.kid())
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jose")
	_, _ = io.WriteString(w, jws)
}

// proof is C2SP tlog-proof.
func (h *hub) proof(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.proofs[r.URL.Query().Get("leaf")] = true
	h.mu.Unlock()
	raw, err := base64.RawURLEncoding.Strict().DecodeString(r.URL.Query().Get("leaf"))
	if err != nil || len(raw) != len(tlog.Hash{}) {
		refuse(w, http.StatusBadRequest, "leaf", "leaf", "want the hash of a leaf")
		return
	}
	proof, err := h.b.world.Log.ProofOfLeaf(r.Context(), tlog.Hash(raw))
	if err != nil {
		refuse(w, http.StatusNotFound, "not_published", "leaf", "the log does not have it")
		return
	}
	_, _ = w.Write(proof.Marshal())
}

func body(w http.ResponseWriter, r *http.Request) (string, bool) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/jose" {
		refuse(w, http.StatusUnsupportedMediaType, "media_type", "content type", "send one compact JWS as application/jose")
		return "", false
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "body", "body", "it is too large")
		return "", false
	}
	return strings.TrimSpace(string(raw)), true
}

func (h *hub) commit(w http.ResponseWriter, r *http.Request) {
	jws, ok := body(w, r)
	if !ok {
		return
	}
	h.mu.Lock()
	h.commits = append(h.commits, jws)
	happen := h.hooks.commit
	h.mu.Unlock()
	use := func() (string, error) { return h.b.world.Ledger.Use(r.Context(), jws) }
	var promise string
	var err error
	if happen == nil {
		promise, err = use()
	} else {
		var drop bool
		if promise, drop, err = happen(r.Context(), jws, use); drop {
			panic(http.ErrAbortHandler) // the answer is lost
		}
	}
	if err != nil {
		refuseErr(w, err)
		return
	}
	if p, err := consent.OpenPromise(promise, h.b.world.Trust.HubKeys); err == nil && happen == nil {
		h.mu.Lock()
		h.leaves = append(h.leaves, p.Leaf)
		h.mu.Unlock()
	}
	writeJSON(w, http.StatusOK, map[string]string{"promise": promise})
}

func (h *hub) receive(w http.ResponseWriter, r *http.Request) {
	jws, ok := body(w, r)
	if !ok {
		return
	}
	h.mu.Lock()
	h.tried++
	h.mu.Unlock()
	record, err := h.b.world.Ledger.Received(r.Context(), jws)
	if err != nil {
		refuseErr(w, err)
		return
	}
	h.mu.Lock()
	h.received = append(h.received, jws)
	silent := h.hooks.silent
	h.mu.Unlock()
	if silent {
		writeJSON(w, http.StatusAccepted, map[string]any{})
		return
	}
	made, err := receipt.Assembler{Ledger: h.b.world.Ledger, Proofs: h.b.world.Log}.ForConsumer(r.Context(), record.Grant, record.Consumer)
	if err != nil {
		refuseErr(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"receipt": made})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refuse writes a problem document (RFC 9457), as a hub does.
func refuse(w http.ResponseWriter, status int, code, check, cause string) {
	w.Header().Set("Content-Type", "application/problem+json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, map[string]any{"type": "urn:mydata:problem:" + code, "title": http.StatusText(status), "status": status,
		"code": code, "check": check, "cause": cause, "mender": "agency"})
}

// errBusy is a hub that does not answer now.
var errBusy = errors.New("busy")

// words are a hub's for the ledger's refusals.
var words = []struct {
	err    error
	status int
	code   string
}{
	{errBusy, 503, "busy"}, {consent.ErrUnknown, 404, "unknown_grant"}, {consent.ErrForeign, 404, "unknown_grant"},
	{consent.ErrWithdrawn, 409, "withdrawn"}, {consent.ErrExpired, 409, "expired"}, {consent.ErrConsumed, 409, "consumed"},
	{consent.ErrPaused, 409, "paused"}, {consent.ErrPending, 409, "pending"}, {consent.ErrDenied, 409, "denied"},
	{consent.ErrTooSoon, 409, "too_soon"}, {consent.ErrUseTaken, 409, "use_taken"}, {consent.ErrDecided, 409, "decided"},
	{consent.ErrReused, 409, "reused"}, {consent.ErrConflict, 503, "busy"},
}

// wordOf is a refusal's code and cause.
func wordOf(err error) (status int, code, check, cause string) {
	for _, w := range words {
		if errors.Is(err, w.err) {
			return w.status, w.code, "grant state", err.Error()
		}
	}
	var c *consent.CheckError
	var a *approval.CheckError
	switch {
	case errors.As(err, &c):
		return http.StatusBadRequest, "check_failed", c.Check, c.Cause
	case errors.As(err, &a):
		return http.StatusBadRequest, "check_failed", a.Check, a.Cause
	}
	return http.StatusBadRequest, "check_failed", "request", err.Error()
}

func refuseErr(w http.ResponseWriter, err error) {
	status, code, check, cause := wordOf(err)
	refuse(w, status, code, check, cause)
}
