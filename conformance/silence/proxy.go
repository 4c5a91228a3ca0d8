package silence

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// maxHeard bounds what is read of a body.
const maxHeard = 8 << 20

// Proxy listens at an address, passes everything on, and hears it. It ends with
// the context.
func (s *Secrets) Proxy(ctx context.Context, at, to string) error {
	target := &url.URL{Scheme: "http", Host: to}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			s.request(r.Out)
		},
		ModifyResponse: s.response,
		ErrorLog:       log.New(io.Discard, "", 0), // a party that went away is no news
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic("silence: " + err.Error())
		}
	}()
	return nil
}

// public is what anybody may read without a word about himself.
func public(path string) bool {
	for _, start := range []string{"/.well-known/", "/jwks", "/catalogue", "/log/", "/assets/", "/healthz", "/readyz", "/status/", "/add-checkpoint"} {
		if strings.HasPrefix(path, start) {
			return true
		}
	}
	return false
}

func (s *Secrets) request(r *http.Request) {
	where := r.Method + " " + r.URL.Path
	s.address(r.URL, where)
	for _, c := range r.Cookies() {
		if c.Name != "lang" && !strings.HasSuffix(c.Name, "_lang") {
			s.hear("cookie", c.Value, where)
		}
	}
	for _, name := range []string{"Authorization", "Dpop"} {
		for _, value := range r.Header.Values(name) {
			_, credentials, scheme := strings.Cut(value, " ")
			if !scheme {
				credentials = value
			}
			s.hear(name, credentials, where)
		}
	}
	if r.Body == nil {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHeard))
	if err != nil {
		return // the process will say so
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !public(r.URL.Path) {
		s.body(r.Header.Get("Content-Type"), body, where)
	}
}

func (s *Secrets) response(r *http.Response) error {
	where := "the answer to " + r.Request.Method + " " + r.Request.URL.Path
	for _, c := range r.Cookies() {
		if !strings.HasSuffix(c.Name, "lang") {
			s.hear("cookie", c.Value, where)
		}
	}
	if to, err := url.Parse(r.Header.Get("Location")); err == nil {
		s.address(to, where)
	}
	if public(r.Request.URL.Path) || r.StatusCode >= http.StatusBadRequest { // what a refusal repeats was heard in the request
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHeard))
	if err != nil {
		return err
	}
	if err := r.Body.Close(); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.body(r.Header.Get("Content-Type"), body, where)
	return nil
}

var input = regexp.MustCompile(`<input[^>]*\bvalue="([^"]+)"`)

func (s *Secrets) body(contentType string, body []byte, where string) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return
	}
	switch {
	case media == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(string(body)); err == nil {
			s.address(&url.URL{RawQuery: form.Encode()}, where)
		}
	case media == "text/html":
		for _, m := range input.FindAllSubmatch(body, -1) {
			s.hear("input", string(m[1]), where)
		}
	case strings.HasSuffix(media, "json"):
		s.JSON(body, where)
	case strings.HasPrefix(media, "application/"): // jose, jwt and what is like them
		s.hear("body", string(body), where)
	}
}
