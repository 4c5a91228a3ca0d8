package verifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/legible"
)

// Config is what the server needs.
type Config struct {
	URL    string // public address, no trailing slash
	Wallet string // of a demo wallet page to link to, or ""
	Key    crypto.Signer
	Chain  [][]byte // of Key: DER, leaf first, without the trust anchor
	// Attestation is a verifier attestation JWT over Key, or "".
	Attestation string
	Verifier    openid4vp.Verifier
	Queries     []Preset // the first is the default
	// Types of transaction data that may be asked for; none: no transactions.
	Types openid4vp.TransactionTypes
	// Described finds what issuers publish of types, for pages; nil: pages have names
	// of their own alone. *credential.TypeMetadata is one.
	Described interface {
		Describe(ctx context.Context, vct, integrity string) (credential.Type, error)
	}
	// CrossDevice is how the QR code of a page is answered: CrossMatch, CrossPlain
	// or CrossOff; "" is CrossMatch.
	CrossDevice string
	Frame       *web.Frame
	Life        time.Duration // of a request; 0 means 5 minutes
	// Limits bounds the questions that one sender's browser may ask, as
	// oauth.Limits does; nil: they are not bounded.
	Limits interface {
		Take(ctx context.Context, budget, whom string) error
	}
	// Judged hears what became of each answer: verified, rejected or declined;
	// nil: nobody does.
	Judged func(outcome string)
	Now    func() time.Time
	Logger *slog.Logger
}

// Server is the verifier.
type Server struct {
	Config
	clientID string
	host     string // of URL
	sessions *sessions
	pages    *web.Pages
}

// New makes a server; its Frame gets the verifier's messages and pages.
func New(c Config) (*Server, error) {
	if len(c.Chain) == 0 || c.Key == nil || c.Verifier == nil || len(c.Queries) == 0 || c.Frame == nil {
		return nil, errors.New("verifier: key, chain, verifier, queries and frame are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Life == 0 {
		c.Life = 5 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.CrossDevice == "" {
		c.CrossDevice = CrossMatch
	}
	c.URL, c.Wallet = strings.TrimSuffix(c.URL, "/"), strings.TrimSuffix(c.Wallet, "/")
	public, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("verifier: url: %w", err)
	}
	s := &Server{Config: c, clientID: openid4vp.ClientID(c.Chain[0]), host: public.Hostname(), sessions: newSessions(c.Now)}
	c.Frame.Messages(files)
	c.Frame.Assets(files)
	s.pages = c.Frame.Pages(files, "page/*.html")
	// Wallets bring no cookie and carry their own proof.
	c.Frame.Machine("POST /request/{handle}", "POST /response/{handle}")
	return s, nil
}

// begin makes a session. A page gets a request for a wallet on its own device
// and, unless that is switched off, one for another; a relying party gets the one
// that it ordered, or a page for whoever opens it first.
func (s *Server) begin(ctx context.Context, q question, cookie string, page bool) (*session, error) {
	n := &session{id: token(), status: Pending, until: s.Now().Add(s.Life), question: q}
	kinds := []bool{q.returnURI != ""}
	if page {
		n.key = token()
	}
	if cookie != "" {
		n.browser = hashCookie(cookie)
	}
	if page || cookie != "" {
		if kinds = []bool{false, true}; s.CrossDevice == CrossOff {
			kinds = []bool{true}
		}
	}
	for _, same := range kinds {
		a, err := s.ask(q, same)
		if err != nil {
			return nil, err
		}
		n.asks = append(n.asks, a)
	}
	if err := s.sessions.add(n); err != nil {
		return nil, err
	}
	s.Logger.InfoContext(ctx, "presentation requested", "request", n.id, "correlation_id", web.Correlation(ctx))
	return n, nil
}

// walletLink opens a request in the demo wallet page.
func (s *Server) walletLink(request string) string {
	if s.Wallet == "" {
		return ""
	}
	return s.Wallet + "/?request=" + url.QueryEscape(request)
}

// take judges an answer that opened, and spends the session on it.
func (s *Server) take(ctx context.Context, a ask, response openid4vp.Response) (outcome, error) {
	if err := s.sessions.spend(a.handle); err != nil {
		return outcome{}, err
	}
	o := s.judge(ctx, a, response)
	if o.ok && s.sessions.paged(a.handle) {
		s.describe(ctx, &o)
	}
	if !o.ok && unreachable(o.checks) {
		s.sessions.giveBack(a.handle, o.checks)
		return outcome{}, errLater{}
	}
	if matched := o.ok && s.matches(a); matched {
		o.code, o.number = token(), number()
	} else if a.same {
		o.code = token()
	}
	s.sessions.settle(a.handle, o)
	if s.Judged != nil {
		s.Judged(o.word())
	}
	s.Logger.InfoContext(ctx, "presentation judged", "request", s.sessions.idOf(a.handle), "ok", o.ok, "failed", failed(o.checks),
		"wallet_error", o.failure, "correlation_id", web.Correlation(ctx))
	return o, nil
}

func (s *Server) judge(ctx context.Context, a ask, response openid4vp.Response) outcome {
	if response.Error != "" {
		return outcome{failure: bounded(response.Error), words: legible.Clean(response.ErrorDescription, maxValue), checks: append(openid4vp.Opened(nil),
			credential.Check{Name: "wallet shared", Detail: "the wallet answered " + bounded(response.Error)})}
	}
	e := a.request.Evaluate(ctx, response, s.Verifier)
	o := outcome{ok: e.OK, claims: map[string]any{}}
	if e.OK {
		o.signed, o.kept = shown(a.request.Transactions), e.Presentations
	}
	last := []string{openid4vp.CheckQuery, openid4vp.CheckTransactions}
	for _, c := range e.Response {
		if !slices.Contains(last, c.Name) {
			o.checks = append(o.checks, c)
		}
	}
	many := len(a.request.Query.Credentials) > 1
	for _, p := range e.Presentations {
		for _, c := range p.Checks {
			if many {
				c.Name = p.Query + ": " + c.Name
			}
			o.checks = append(o.checks, c)
		}
		if p.OK && e.OK {
			disclose(a.request.Query, o.claims, p)
		}
	}
	for _, c := range e.Response {
		if slices.Contains(last, c.Name) {
			o.checks = append(o.checks, c)
		}
	}
	return o
}

// disclose puts claims under the id of their query, as an array where several
// presentations were asked for.
func disclose(q openid4vp.Query, claims map[string]any, p openid4vp.Presented) {
	if c, _ := q.Credential(p.Query); c.Multiple {
		list, _ := claims[p.Query].([]any)
		claims[p.Query] = append(list, p.Claims)
		return
	}
	claims[p.Query] = p.Claims
}

func failed(checks []credential.Check) string {
	var names []string
	for _, c := range checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// bounded keeps a stranger's error code short and printable.
func bounded(code string) string {
	if len(code) > 64 {
		code = code[:64]
	}
	return strings.Trim(fmt.Sprintf("%+q", code), `"`)
}
