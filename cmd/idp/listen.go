package main

import (
	"log/slog"
	"net/http"

	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/pkg/dpop"
)

// maxHeader is the longest access token with the longest proof of its key, and 4 KiB
// for all else: what may be presented must arrive.
const maxHeader = oauth.MaxToken + dpop.MaxProof + 4<<10

// server bounds what one connection may cost.
func server(handler http.Handler, log *slog.Logger) *http.Server {
	return service.Server(handler, maxHeader, log)
}
