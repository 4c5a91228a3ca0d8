package oauth

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
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
	// SessionFrom is the browser's single sign-on session; nil: none.
	SessionFrom func(r *http.Request) (citizen string, authTime time.Time, amr []string, ok bool)
	// UserInfo gives claims beside sub; nil: none.
	UserInfo func(ctx context.Context, citizen string, scopes []string) (map[string]any, error)
	// Page shows a person an error that cannot be sent back to a client; nil:
	// plain text.
	Page func(w http.ResponseWriter, r *http.Request, status int, err error)
	// Development permits plain http and cookies without __Host-.
	Development bool
	Logger      *slog.Logger
	Now         func() time.Time
}

// Server is the authorization server.
type Server struct {
	Config
}

// New checks the configuration.
func New(c Config) (*Server, error) { return &Server{Config: c}, nil }

// Mount adds the endpoints: /.well-known/openid-configuration,
// /.well-known/oauth-authorization-server, /jwks, /authorize,
// /authorize/callback, /par, /token, /userinfo, /introspect, /revoke.
func (s *Server) Mount(mux *http.ServeMux) {}
