package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/conformance/report"
)

const (
	maxAnswer = 8 << 20
	patience  = 20 * time.Second
	caseTime  = time.Minute
)

// Options of a run.
type Options struct {
	// URL of the issuer, without a trailing slash, or of the verifier's page.
	URL string
	// Client is one registered for the run; nil: what needs one is skipped.
	Client *Client
	// Request is a link that a wallet would be given (Verifier alone); "": the
	// page at URL is asked for two.
	Request string
	// HTTP sends the requests; nil: a client with limits. It follows no redirect.
	HTTP *http.Client
	// Seen hears of each case as it ends; nil: nobody does.
	Seen func(report.Result)
	Now  func() time.Time
}

// trial is one case: what is tried, and how.
type trial struct {
	part, name, clause string
	run                func(ctx context.Context, p *probe) error
}

// probe is a deployment under test and what was read of it.
type probe struct {
	Options
	server  server // the authorization server's metadata
	issuer  map[string]any
	asked   []asked // requests of a verifier
	offline error   // why nothing can be tried
}

func newProbe(o Options) *probe {
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: patience}
	}
	limited := *o.HTTP
	limited.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &limited
	if o.Now == nil {
		o.Now = time.Now
	}
	o.URL = strings.TrimSuffix(o.URL, "/")
	return &probe{Options: o}
}

// run tries all cases in order.
func (p *probe) run(ctx context.Context, role string, cases []trial) (report.Report, error) {
	r := report.Report{Role: role, URL: p.URL, At: p.Now().UTC().Truncate(time.Second)}
	for _, c := range cases {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, caseTime)
		err := p.offline
		if err == nil {
			err = c.run(limited, p)
		}
		cancel()
		one := r.Add(report.Case{Part: c.part, Name: c.name, Clause: c.clause}, began, err)
		if p.Seen != nil {
			p.Seen(one)
		}
	}
	return r, nil
}

// answer is one, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) media() string {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return media
}

// object is the answer's JSON.
func (a answer) object() (map[string]any, error) {
	if !strings.HasSuffix(a.media(), "json") {
		return nil, fmt.Errorf("the answer is %q, not JSON", a.media())
	}
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		return nil, fmt.Errorf("the answer is no JSON object: %w", err)
	}
	return v, nil
}

// code is the error that an answer names, in OAuth's member or a problem
// document's.
func (a answer) code() string {
	v, err := a.object()
	if err != nil {
		return ""
	}
	for _, member := range []string{"error", "code"} {
		if code, ok := v[member].(string); ok {
			return code
		}
	}
	return ""
}

// refusedBy says whether the answer is one of these refusals: "400 invalid_grant",
// or "4xx" for any.
func (a answer) refusedBy(wanted ...string) error {
	is := fmt.Sprintf("%d %s", a.status, a.code())
	for _, w := range wanted {
		if is == w || w == "4xx" && a.status >= 400 && a.status < 500 || w == fmt.Sprint(a.status) {
			return nil
		}
	}
	return fmt.Errorf("it answers %s, not %s", strings.TrimSpace(is), strings.Join(wanted, " or "))
}

// call is a request to be sent.
type call struct {
	method, address string
	header          http.Header
	body            string
}

func get(address string) call { return call{method: http.MethodGet, address: address} }

// post is a form's.
func post(address string, form url.Values) call {
	return raw(address, "application/x-www-form-urlencoded", form.Encode())
}

func raw(address, contentType, body string) call {
	return call{http.MethodPost, address, http.Header{"Content-Type": {contentType}}, body}
}

// with adds a header.
func (c call) with(name, value string) call {
	if c.header = c.header.Clone(); c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(name, value)
	return c
}

// send sends one request. An answer of 5xx is an error: no input of ours excuses
// it.
func (p *probe) send(ctx context.Context, c call) (answer, error) {
	if c.address == "" {
		return answer{}, report.Skip("the metadata names no such endpoint")
	}
	req, err := http.NewRequestWithContext(ctx, c.method, c.address, bytes.NewReader([]byte(c.body)))
	if err != nil {
		return answer{}, err
	}
	if c.header != nil {
		req.Header = c.header
	}
	resp, err := p.HTTP.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("it cannot be reached: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, err
	}
	if len(body) > maxAnswer {
		return answer{}, errors.New("its answer does not end")
	}
	if resp.StatusCode >= 500 {
		return answer{}, fmt.Errorf("it answers %d", resp.StatusCode)
	}
	return answer{resp.StatusCode, resp.Header, body}, nil
}

// refuses is a case: the call gets one of these refusals.
func refuses(part, name, clause string, make func(p *probe) call, wanted ...string) trial {
	return trial{part, name, clause, func(ctx context.Context, p *probe) error {
		a, err := p.send(ctx, make(p))
		if err != nil {
			return err
		}
		return a.refusedBy(wanted...)
	}}
}

// texts are the strings of a JSON array.
func texts(v any) []string {
	all, _ := v.([]any)
	var out []string
	for _, each := range all {
		if s, ok := each.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
