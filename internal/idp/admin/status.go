package admin

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/credential"
)

// StatusRequest names a credential and, save for a reinstatement, one of
// credential.Reasons, which its holder sees.
type StatusRequest struct {
	Credential string `json:"credential"`
	Reason     string `json:"reason,omitempty"`
}

// changeStatus suspends, reinstates or revokes one credential. The trail keeps
// whose hand it was.
func (h *Handler) changeStatus(what string, change func(ctx context.Context, in StatusRequest) error) func(http.ResponseWriter, *http.Request) (any, error) {
	return func(w http.ResponseWriter, r *http.Request) (any, error) {
		var in StatusRequest
		if err := decode(w, r, &in); err != nil {
			return nil, err
		}
		target := trail.Target{Kind: trail.Credential, ID: in.Credential}
		return struct{}{}, h.do(r, what, target, func() (trail.Target, error) {
			return target, change(r.Context(), in)
		})
	}
}

// statusRoutes are the operator's three ways to change a status.
func (h *Handler) statusRoutes() map[string]func(http.ResponseWriter, *http.Request) (any, error) {
	return map[string]func(http.ResponseWriter, *http.Request) (any, error){
		"POST /revoke": h.changeStatus("revoke", func(ctx context.Context, in StatusRequest) error {
			if in.Reason == "" {
				in.Reason = credential.ReasonHolder // who came to the counter
			}
			return listed(h.Issuer.RevokeFor(ctx, in.Credential, in.Reason))
		}),
		"POST /suspend": h.changeStatus("suspend", func(ctx context.Context, in StatusRequest) error {
			return listed(h.Issuer.Suspend(ctx, in.Credential, in.Reason))
		}),
		"POST /reinstate": h.changeStatus("reinstate", func(ctx context.Context, in StatusRequest) error {
			return h.Issuer.Reinstate(ctx, in.Credential)
		}),
	}
}

// listed says which reasons there are.
func listed(err error) error {
	if err == credential.ErrReason { //nolint:errorlint // the bare sentinel alone
		return fmt.Errorf("%w: one of %s", errReason, strings.Join(credential.Reasons(), ", "))
	}
	return err
}

// Revoke a credential; the reason may be empty.
func (c *Client) Revoke(ctx context.Context, in StatusRequest) error {
	return c.call(ctx, http.MethodPost, "/revoke", in, &struct{}{})
}

// Suspend a credential.
func (c *Client) Suspend(ctx context.Context, in StatusRequest) error {
	return c.call(ctx, http.MethodPost, "/suspend", in, &struct{}{})
}

// Reinstate a credential.
func (c *Client) Reinstate(ctx context.Context, credential string) error {
	return c.call(ctx, http.MethodPost, "/reinstate", StatusRequest{Credential: credential}, &struct{}{})
}
