package oauth

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/fetch"
)

// Clients finds registered clients; registry.ErrUnknown when there is none.
type Clients interface {
	Client(ctx context.Context, id string) (registry.Client, error)
}

// Config is what a Server is made of.
type Config struct {
	Issuer   string
	Clients  Clients
	Store    Store
	Keys     *keys.Ring
	Accounts Accounts
	Details  []DetailType
	// PreAuthorized is nil where no credentials are issued.
	PreAuthorized PreAuthorized
	// IssuanceScopes are the scopes of credentials: asking for one leads over
	// the step "issuance".
	IssuanceScopes []string
	// SessionFrom is the browser's single sign-on session; ErrNobody where there
	// is none, and any other error where that cannot be told. nil: none.
	SessionFrom func(r *http.Request) (Session, error)
	// SessionLives says whether a session goes on. What ended unnoticed is found by
	// it; nil: nobody looks.
	SessionLives func(ctx context.Context, session string) (bool, error)
	// UserInfo gives claims beside sub; nil: none.
	UserInfo func(ctx context.Context, citizen string, scopes []string) (map[string]any, error)
	// ClaimScopes says of which scope a claim of UserInfo is, by its name: who may
	// have the scope may ask for the claim alone (OpenID Connect Core 1.0, 5.5).
	ClaimScopes map[string]string
	// Prefer has pages speak the first of these languages that there is, to whoever
	// chose none (ui_locales); nil: nobody does.
	Prefer func(w http.ResponseWriter, r *http.Request, locales []string)
	// Page shows a person an error that cannot be sent back to a client; nil:
	// plain text.
	Page func(w http.ResponseWriter, r *http.Request, status int, err error)
	// RequireNonce asks a nonce of ours of every DPoP proof (RFC 9449, 8 and 9).
	RequireNonce bool
	// Devices: the page /device is mounted, and devices may ask there (RFC 8628).
	Devices bool
	// WalletProviders are trusted to vouch for wallets; none: no client
	// authenticates by attestation. WalletStatus asks whether what an
	// attestation's status claim points to still stands, root being whom the
	// attestation led to; nil: attestations that have one are refused.
	WalletProviders []WalletProvider
	WalletStatus    func(ctx context.Context, status []byte, root *x509.Certificate) error
	// Limits bounds clients and addresses; nil: they are not bounded.
	Limits Limits
	// Registrar lets clients register themselves; nil: an operator registers all.
	Registrar Registrar
	// Development permits plain http and cookies without __Host-.
	Development bool
	// Refused hears of each refusal: the check that failed, else the code; nil:
	// nobody does.
	Refused func(ctx context.Context, check string)
	Logger  *slog.Logger
	Now     func() time.Time
	// StatusLists is where the lists of the credentials issued here are listed;
	// "": none are.
	StatusLists string
}

// Server is the authorization server.
type Server struct {
	Config
	kit      *kit
	library  http.Handler
	signers  sync.Map      // type and kid -> jose.Signer
	clients  fetch.Client  // reaches what clients registered
	ended    chan struct{} // wakes RunLogouts
	nonceKey []byte

	challengeKey []byte
	clientKeys   *registry.KeySets
}

// New checks the configuration: outside of development the issuer is https.
func New(c Config) (*Server, error) {
	if c.Clients == nil || c.Store == nil || c.Keys == nil || c.Accounts == nil {
		return nil, errors.New("oauth: clients, store, keys and accounts must be set")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Limits == nil {
		c.Limits = unlimited{}
	}
	c.Clients = strict{walletClients{Clients: c.Clients, providers: c.WalletProviders, scopes: c.IssuanceScopes}}
	s := &Server{Config: c, clients: fetch.Client{Loopback: c.Development}, nonceKey: c.Keys.Secret("dpop-nonce"), challengeKey: c.Keys.Secret("attestation-challenge"), ended: make(chan struct{}, 1)}
	s.clientKeys = &registry.KeySets{Loopback: c.Development, Logger: c.Logger, Now: s.now}
	var err error
	if s.kit, s.library, err = newKit(s); err != nil {
		return nil, err
	}
	return s, nil
}

// Mount adds the endpoints: /.well-known/openid-configuration,
// /.well-known/oauth-authorization-server, /jwks, /authorize,
// /authorize/callback, /par, /token, /userinfo, /introspect, /revoke, /register.
func (s *Server) Mount(mux *http.ServeMux) {
	mux.Handle("GET /.well-known/openid-configuration", public(s.library))
	mux.Handle("GET /.well-known/oauth-authorization-server", public(http.HandlerFunc(s.metadata8414)))
	mux.Handle("GET /jwks", public(s.library))
	mux.Handle("GET /authorize", noStore(s.authorize))
	mux.Handle("POST /authorize", noStore(s.authorize))
	mux.Handle("GET /authorize/callback", noStore(s.callback))
	mux.Handle("POST /par", machine(s.guarded(s.par)))
	mux.Handle("POST /token", machine(s.guarded(s.token)))
	if len(s.WalletProviders) > 0 {
		mux.Handle("POST /challenge", machine(s.attestationChallenge))
	}
	mux.Handle("POST /introspect", machine(s.guarded(s.introspect)))
	mux.Handle("POST /revoke", machine(s.guarded(s.toLibrary)))
	if s.Devices {
		mux.Handle("POST /device_authorization", machine(s.guarded(s.deviceAuthorization)))
	}
	userinfo := s.Protect(s.Issuer, http.HandlerFunc(s.userinfo))
	mux.Handle("GET /userinfo", userinfo)
	mux.Handle("POST /userinfo", userinfo)
	s.mountRegistration(mux)
}

// token is the token endpoint (RFC 6749, 3.2): body alone, known grants alone.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.nonce(w, registry.Client{})
	form, refusal := postForm(w, r)
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	switch form.Get("grant_type") {
	case registry.GrantPreAuthorized:
		s.preAuthorized(w, r, form)
	case registry.GrantCode, registry.GrantRefresh:
		s.toLibrary(w, r)
	case registry.GrantDevice:
		s.deviceToken(w, r, form)
	case "":
		s.writeRefusal(w, r, refuse("invalid_request", "grant_type is missing"))
	default:
		s.writeRefusal(w, r, refuse("unsupported_grant_type", "grant_type is not one of this server's"))
	}
}

// toLibrary hands a machine's POST to the library once it is known to be a
// form with each parameter once, and to say who sends it.
func (s *Server) toLibrary(w http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	if form == nil {
		var refusal *Refusal
		if form, refusal = postForm(w, r); refusal != nil {
			s.writeRefusal(w, r, refusal)
			return
		}
	}
	if attested(r.Header) {
		nameAttested(r)
	} else if c := credentialsOf(r, form); c.ClientID == "" && c.ClientAssertion == "" {
		s.writeRefusal(w, r, refuse("invalid_client", "client authentication is missing"))
		return
	}
	s.library.ServeHTTP(w, r)
}

// RevokeCitizen ends every grant of a citizen, as when the phone was lost, and has
// the clients told at which the citizen is logged in.
func (s *Server) RevokeCitizen(ctx context.Context, citizen string) error {
	if err := s.EndCitizen(ctx, citizen); err != nil {
		return err
	}
	return s.Store.RevokeCitizen(ctx, citizen)
}

// Sweep deletes what has expired; call it now and then.
func (s *Server) Sweep(ctx context.Context) error { return s.Store.Sweep(ctx, s.now()) }

func (s *Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}
