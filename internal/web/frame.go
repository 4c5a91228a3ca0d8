package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// BodyLimit is the size of the largest request body that is read.
const BodyLimit = 64 << 10

// Options of a frame.
type Options struct {
	Service     string // "idp", "verifier": names cookies and the head of the page
	Development bool   // plain http on the loop-back: cookies without __Host- and Secure
	Logger      *slog.Logger
	Zone        *time.Location // of the times shown; Asia/Seoul when nil
	Observe     Observer       // hears of each request; nil: nobody does
	Deadline    time.Duration  // of a request; the constant Deadline when zero
	Body        int64          // bytes of the largest request; BodyLimit when zero

	// Admit says whether a request may be served, and adds to its context what
	// is known of its sender; nil: every request may.
	Admit func(r *http.Request) (context.Context, error)
}

// Frame holds what all pages of a service share. Messages, Pages, Assets and
// Machine belong to the start of the program; Render, Fail, Problem and the
// handler may run concurrently afterwards.
type Frame struct {
	service     string
	development bool
	log         *slog.Logger
	zone        *time.Location
	bundle      *i18n.Bundle
	texts       sync.Map // by language and id
	assets      map[string]asset
	cross       *http.CrossOriginProtection
	security    http.Header
	own         *Pages
	observe     Observer
	deadline    time.Duration
	body        int64
	admit       func(r *http.Request) (context.Context, error)
	machines    *http.ServeMux
}

// New makes a frame with its own messages, assets and error page.
func New(o Options) *Frame {
	f := &Frame{
		service:     o.Service,
		development: o.Development,
		log:         o.Logger,
		zone:        o.Zone,
		bundle:      newBundle(),
		assets:      map[string]asset{},
		observe:     o.Observe,
		deadline:    o.Deadline,
		body:        o.Body,
		admit:       o.Admit,
		machines:    http.NewServeMux(),
		cross:       http.NewCrossOriginProtection(),
		security:    securityHeaders(o.Development),
	}
	if f.log == nil {
		f.log = slog.Default()
	}
	if f.zone == nil {
		f.zone = seoul()
	}
	if f.deadline == 0 {
		f.deadline = Deadline
	}
	if f.body == 0 {
		f.body = BodyLimit
	}
	f.cross.SetDenyHandler(http.HandlerFunc(f.denyCrossOrigin))
	f.Messages(ownFiles)
	f.Assets(ownFiles)
	f.own = f.Pages(ownFiles, "page/*.html")
	return f
}

// Machine names patterns, as of http.ServeMux, that are meant for programs:
// they carry their own authentication in each request and no cookie, so the
// cross-origin check does not apply to them, and errors are problem documents
// unless a page is asked for.
func (f *Frame) Machine(patterns ...string) {
	for _, p := range patterns {
		f.cross.AddInsecureBypassPattern(p)
		f.machines.Handle(p, http.NotFoundHandler())
	}
}

func (f *Frame) denyCrossOrigin(w http.ResponseWriter, r *http.Request) {
	f.Fail(w, r, http.StatusForbidden, "web.error.cross_origin", nil)
}

// seoul is fixed by name where the machine has zone data and by offset where it
// has none; Korea keeps no summer time.
func seoul() *time.Location {
	if z, err := time.LoadLocation("Asia/Seoul"); err == nil {
		return z
	}
	return time.FixedZone("KST", 9*60*60)
}

func mustSub(fsys fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		panic("web: " + err.Error())
	}
	return sub
}
