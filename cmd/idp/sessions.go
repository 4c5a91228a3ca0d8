package main

import (
	"net/http"

	"github.com/govmydata/mydata/internal/idp/device"
	"github.com/govmydata/mydata/internal/idp/login"
	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
)

// mountSessions adds the pages on which logins begin and end.
func mountSessions(e *engines, frame *web.Frame, server *oauth.Server, mux *http.ServeMux) {
	(&device.Handler{Frame: frame, Server: server}).Mount(mux)
	(&login.Handler{
		Frame: frame, Accounts: e.accounts, OAuth: server, Limits: e.limits,
		Address: func(r *http.Request) string { return limit.Network(limit.From(r.Context())) },
	}).Mount(mux)
}
