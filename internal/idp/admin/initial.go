package admin

import (
	"net/http"
	"time"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/trail"
)

// InitialRequest asks for an initial access token (RFC 7591, 3).
type InitialRequest struct {
	Uses    int64    `json:"uses"`
	Seconds int64    `json:"seconds"`
	Scopes  []string `json:"scopes,omitempty"`
}

// InitialToken is one, shown once.
type InitialToken struct {
	Token   string    `json:"token"`
	Uses    int64     `json:"uses"`
	Scopes  []string  `json:"scopes,omitempty"`
	Expires time.Time `json:"expires"`
}

// initial makes a token by which clients register themselves. The trail keeps that
// one was made, never the token.
func (h *Handler) initial(w http.ResponseWriter, r *http.Request) (any, error) {
	var in InitialRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	if in.Seconds > int64(registry.MaxInitialLife/time.Second) { // before it overflows
		in.Seconds = int64(registry.MaxInitialLife/time.Second) + 1
	}
	var out InitialToken
	err := h.do(r, "client token", trail.Target{Kind: trail.Client}, func() (trail.Target, error) {
		token, row, err := h.NewInitial(r.Context(), registry.InitialOrder{Uses: in.Uses, Life: time.Duration(in.Seconds) * time.Second, Scopes: in.Scopes})
		out = InitialToken{Token: token, Uses: row.Uses, Scopes: row.Scopes, Expires: row.Expires.UTC().Truncate(time.Second)}
		return trail.Target{Kind: trail.Client}, err
	})
	return out, err
}
