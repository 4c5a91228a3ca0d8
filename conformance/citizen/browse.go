package citizen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxBody = 4 << 20
	maxHops = 20
)

// An Answer is a refusal, or what else came instead of what was expected.
type Answer struct {
	Method  string
	URL     string
	Status  int
	Code    string // of a problem document or an OAuth error
	Message string
}

func (a *Answer) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s answered %d %s %s", a.Method, a.URL, a.Status, a.Code, a.Message))
}

// Do sends one request with the person's cookies and follows nothing. The body
// of the answer is read whole.
func (c *Citizen) Do(ctx context.Context, method, address, contentType string, body []byte) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return Page{}, err
	}
	req.Header.Set("Accept", "text/html")
	switch contentType {
	case "":
	case jsonType:
		req.Header.Set("Accept", jsonType)
		fallthrough
	default:
		req.Header.Set("Content-Type", contentType)
	}
	if method != http.MethodGet { // as browsers do
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return c.Send(req)
}

// Send sends a request as it is, with the person's cookies and the headers of
// every browser, and follows nothing.
func (c *Citizen) Send(req *http.Request) (Page, error) {
	req.Header.Set("Accept-Language", c.Lang)
	req.Header.Set("User-Agent", "Mozilla/5.0 (Linux; Android 16) conformance")
	res, err := c.http.Do(req)
	if err != nil {
		return Page{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	p := Page{URL: req.URL, Status: res.StatusCode, Header: res.Header, Body: body}
	if c.Seen != nil && err == nil {
		c.Seen(req.Method, p)
	}
	return p, err
}

// Open goes to an address and follows the redirects to the last page.
func (c *Citizen) Open(ctx context.Context, address string) (Page, error) {
	return c.follow(ctx, http.MethodGet, address, "", nil)
}

// Submit sends a form as it stands and follows the redirects.
func (c *Citizen) Submit(ctx context.Context, f Form) (Page, error) {
	if f.Method != http.MethodPost {
		u := *f.Action
		u.RawQuery = f.Fields.Encode()
		return c.Open(ctx, u.String())
	}
	return c.follow(ctx, http.MethodPost, f.Action.String(), formType, []byte(f.Fields.Encode()))
}

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func (c *Citizen) follow(ctx context.Context, method, address, contentType string, body []byte) (Page, error) {
	var hops []*url.URL
	for range maxHops {
		if c.stop != nil && c.stop(address) {
			u, err := url.Parse(address)
			return Page{URL: u, Hops: hops}, err
		}
		p, err := c.Do(ctx, method, address, contentType, body)
		if err != nil {
			return p, err
		}
		p.Hops = hops
		location := p.Header.Get("Location")
		if p.Status < 300 || p.Status > 399 || location == "" {
			return p, c.arrived(&p, method)
		}
		next, err := p.URL.Parse(location)
		if err != nil {
			return p, fmt.Errorf("redirect: %w", err)
		}
		hops = append(hops, p.URL)
		method, address, contentType, body = http.MethodGet, next.String(), "", nil
	}
	return Page{}, fmt.Errorf("%s: more than %d redirects", address, maxHops)
}

func (c *Citizen) arrived(p *Page, method string) error {
	if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
		p.read()
	}
	if p.Status != http.StatusOK {
		return refusal(method, *p)
	}
	return nil
}

func refusal(method string, p Page) *Answer {
	a := &Answer{Method: method, URL: p.URL.Scheme + "://" + p.URL.Host + p.URL.Path, Status: p.Status}
	var body struct {
		Code, Error, Message, Cause string
		Description                 string `json:"error_description"`
	}
	if json.Unmarshal(p.Body, &body) == nil {
		a.Code, a.Message = body.Code+body.Error, body.Message+body.Cause+body.Description
	}
	return a
}

// Post sends JSON to an address, as the pages' scripts do, and reads the JSON
// answer into out, which may be nil.
func (c *Citizen) Post(ctx context.Context, address string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	p, err := c.Do(ctx, http.MethodPost, address, jsonType, body)
	if err != nil {
		return err
	}
	return decode(http.MethodPost, p, out)
}

// Get reads JSON.
func (c *Citizen) Get(ctx context.Context, address string, out any) error {
	p, err := c.Do(ctx, http.MethodGet, address, jsonType, nil)
	if err != nil {
		return err
	}
	return decode(http.MethodGet, p, out)
}

func decode(method string, p Page, out any) error {
	if p.Status != http.StatusOK {
		return refusal(method, p)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(p.Body, out)
}

func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
