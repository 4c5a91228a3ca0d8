package main

import (
	"context"
	"net/http"

	"github.com/govmydata/mydata/internal/idp/device"
	"github.com/govmydata/mydata/internal/idp/login"
	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

// mountSessions adds the pages on which logins begin and end.
func mountSessions(e *engines, frame *web.Frame, server *oauth.Server, mux *http.ServeMux) {
	e.ended = server.Ended
	(&device.Handler{Frame: frame, Server: server}).Mount(mux)
	(&login.Handler{
		Frame: frame, Accounts: e.accounts, OAuth: server, Limits: e.limits,
		Address: func(r *http.Request) string { return limit.Network(limit.From(r.Context())) },
	}).Mount(mux)
}

// passkeyEnded has the clients told of the sessions that ended with a passkey. What
// is missed here is found a few minutes later (oauth.Server.TellLogouts).
func (e *engines) passkeyEnded(ctx context.Context, citizen string) {
	if err := e.ended(ctx, citizen); err != nil {
		e.log.WarnContext(ctx, "logouts wait", "err", err)
	}
}
