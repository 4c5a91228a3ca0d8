package oauth

import (
	"context"
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

// The steps an interaction may have to pass beside login.
const (
	StepApproval = "approval"
	StepIssuance = "issuance"
)

// Interaction is an authorization request on its way through the pages.
type Interaction struct {
	ID        string
	Client    registry.Client
	Citizen   string // "" until logged in
	AuthTime  time.Time
	AMR       []string
	Scopes    []string
	Refs      map[string]string // authorization_details type -> reference
	UILocales []string
	LoginHint string
	Prompt    []string
	Done      map[string]bool
}

// Interaction is the one with this id, if this browser began it; otherwise
// ErrNoInteraction or ErrOtherBrowser.
func (s *Server) Interaction(ctx context.Context, r *http.Request, id string) (Interaction, error) {
	return Interaction{}, ErrNoInteraction
}

// Authenticated notes who logged in.
func (s *Server) Authenticated(ctx context.Context, r *http.Request, id, citizen string, authTime time.Time, amr []string) error {
	return ErrNoInteraction
}

// Done notes that a step was passed.
func (s *Server) Done(ctx context.Context, r *http.Request, id, step string) error {
	return ErrNoInteraction
}

// Deny ends an interaction and returns where to send the browser: the client,
// with access_denied, iss and state.
func (s *Server) Deny(ctx context.Context, r *http.Request, id string) (string, error) {
	return "", ErrNoInteraction
}

// Next is the one dispatcher: the URL of the step to take now.
func (s *Server) Next(ctx context.Context, id string) (string, error) {
	return "", ErrNoInteraction
}
