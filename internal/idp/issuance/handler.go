package issuance

import (
	"context"
	"embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// deferredPath is the Deferred Credential Endpoint.
const deferredPath = "/credential-deferred"

//go:embed page locale
var files embed.FS

// Server is what the face asks of the authorization server; *oauth.Server is
// one.
type Server interface {
	oauth.Questions
	Protect(audience string, next http.Handler) http.Handler
	// Standing is nil while a token that Protect let through has not ended, and
	// oauth.ErrGone once it has.
	Standing(ctx context.Context, token oauth.Token) error
}

// Residents tells what the register says of a citizen; *account.Accounts does.
type Residents interface {
	Resident(ctx context.Context, citizen string) (account.Resident, error)
}

// Clients names the wallets; *registry.Registry does.
type Clients interface {
	Client(ctx context.Context, id string) (registry.Client, error)
}

// Handler serves issuance.
type Handler struct {
	URL       string // credential issuer identifier, no trailing slash
	Frame     *web.Frame
	Server    Server
	Residents Residents
	Issuer    *credential.Issuer
	Offers    *credential.Offers
	Nonces    *credential.Nonces
	Document  []byte // DID document; none is served when empty
	// Deferrals lets an operator decide first on what Deferred names, by
	// credential_configuration_id; nil: nothing is deferred.
	Deferrals *credential.Deferrals
	Deferred  []string
	// RequestKeys, private, each with a kid, are what requests can be encrypted to;
	// none: nothing is encrypted. The first is the newest.
	RequestKeys []jose.JSONWebKey
	// EncryptionRequired refuses plain requests and plain answers.
	EncryptionRequired bool
	// Clients gives the wallet's name, for the citizen's list of credentials;
	// nil: its client id.
	Clients Clients
	// Limits bounds the cards of one citizen, as oauth.Limits does; nil: they
	// are not bounded.
	Limits interface {
		Take(ctx context.Context, budget, whom string) error
		Return(ctx context.Context, budget, whom string)
	}
	// Basis names what the register says of a citizen, so that a card can be
	// held against it later; nil: it is not kept.
	Basis func(ctx context.Context, citizen string) (string, error)
	// KeyAttestations says of a configuration what is asked of the keys' own
	// attestations; none by default.
	KeyAttestations map[string]*openid4vci.KeyAttestations
	// TokenFrom is oauth.TokenFrom when nil.
	TokenFrom func(ctx context.Context) oauth.Token
	Now       func() time.Time
	Logger    *slog.Logger // slog.Default when nil

	pages     *web.Pages
	question  oauth.Question    // of this browser, whether the wallet may have the card
	described map[string][]byte // type metadata by configuration

	mu       sync.Mutex
	signed   string // metadata, as a JWT
	signedAt time.Time
}

// Mount adds the endpoints and the page.
func (h *Handler) Mount(mux *http.ServeMux) {
	if h.TokenFrom == nil {
		h.TokenFrom = oauth.TokenFrom
	}
	if h.Logger == nil {
		h.Logger = slog.Default()
	}
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	h.question = oauth.Question{Server: h.Server, Step: oauth.StepIssuance, Fail: h.fail}
	h.Frame.Machine("POST /nonce", "POST /credential", "POST "+deferredPath, "POST /notification")
	mux.HandleFunc("GET "+h.metadataPath(), h.metadata)
	mux.HandleFunc("GET /.well-known/did.json", h.did)
	mux.HandleFunc("GET /credential-offer/{id}", h.offer)
	mux.HandleFunc("POST /nonce", h.nonce)
	mux.Handle("POST /credential", h.Server.Protect(h.URL, http.HandlerFunc(h.credential)))
	if h.Deferrals != nil {
		mux.Handle("POST "+deferredPath, h.Server.Protect(h.URL, http.HandlerFunc(h.deferred)))
	}
	h.describe(mux)
	mux.Handle("POST /notification", h.Server.Protect(h.URL, http.HandlerFunc(h.notification)))
	mux.HandleFunc("GET /status", h.statusLists)
	mux.HandleFunc("GET /status/{list}", h.status)
	mux.HandleFunc("GET /issuance/{interaction}", h.show)
	mux.HandleFunc("POST /issuance/{interaction}", h.question.Agree)
	mux.HandleFunc("POST /issuance/{interaction}/deny", h.question.Deny)
}

// metadataPath inserts the well-known segment before the identifier's path
// (OpenID4VCI 1.0, 12.2.2).
func (h *Handler) metadataPath() string {
	u, err := url.Parse(h.URL)
	if err != nil {
		panic("issuance: the issuer is no URL: " + err.Error())
	}
	return openid4vci.WellKnown + strings.TrimSuffix(u.Path, "/")
}

// public lets pages of any origin read what is public anyway.
func public(w http.ResponseWriter, maxAge string) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Cache-Control", maxAge)
}

// offer by reference (4.1.3). Its address is a secret as good as its code.
func (h *Handler) offer(w http.ResponseWriter, r *http.Request) {
	o, err := h.Offers.Live(r.Context(), r.PathValue("id"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	noStore(w)
	web.JSON(w, http.StatusOK, h.message(o))
}

func (h *Handler) nonce(w http.ResponseWriter, _ *http.Request) {
	noStore(w)
	web.JSON(w, http.StatusOK, openid4vci.NonceResponse{CNonce: h.Nonces.Make()})
}

func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }

func writeJSON(w http.ResponseWriter, status int, v any) {
	noStore(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
