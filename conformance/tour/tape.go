package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
)

// A tape is every body, address and header that passed before each service.
type tape struct {
	servers []*http.Server
	mu      sync.Mutex
	passed  map[string][]message // by the service's name
}

type message struct {
	what string // method, path without query, direction
	body []byte // headers and body, as they passed
}

func newTape(on *stage.Stage) (*tape, error) {
	t := &tape{passed: map[string][]message{}}
	for _, name := range append(stage.Names(), stage.Extract, stage.Portal) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(on.Port(name)+behind)))
		if err != nil {
			t.close()
			return nil, err
		}
		target := &url.URL{Scheme: "http", Host: on.Addr(name)}
		server := &http.Server{Handler: t.before(name, target), ReadHeaderTimeout: 10 * time.Second}
		t.servers = append(t.servers, server)
		go server.Serve(l) //nolint:errcheck // it ends when closed
	}
	return t, nil
}

func (t *tape) close() {
	for _, s := range t.servers {
		s.Close()
	}
}

// before forwards to a service, Host unchanged, and keeps what passes.
func (t *tape) before(service string, target *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 16},
		ErrorLog:  log.New(io.Discard, "", 0), // a service that is not up yet is not news
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding") // plain bodies are what is searched
			var body []byte
			if r.Out.Body != nil {
				body, _ = io.ReadAll(r.Out.Body) // what could not be read is not sent on either
				r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			}
			t.keep(service, r.In.Method+" "+r.In.URL.Path+" in", r.In.URL.RawQuery, r.In.Header, body)
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			r.Body.Close()
			r.Body = io.NopCloser(bytes.NewReader(body))
			t.keep(service, r.Request.Method+" "+r.Request.URL.Path+" out", "", r.Header, body)
			return nil
		},
	}
}

func (t *tape) keep(service string, what, query string, header http.Header, body []byte) {
	var b bytes.Buffer
	b.WriteString(query + "\n")
	_ = header.Write(&b) // a buffer takes everything
	b.Write(body)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed[service] = append(t.passed[service], message{what, b.Bytes()})
}

// find tells which messages of a service hold the text, in any usual coding.
func (t *tape) find(service string, text string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []string
	for _, m := range t.passed[service] {
		if holds(m.body, text) {
			found = append(found, m.what)
		}
	}
	return found
}

func (t *tape) count(service string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.passed[service])
}

// holds looks for a text plain, in hex, percent-coded, in base64, and in base64
// of base64 (a disclosure inside a token).
func holds(body []byte, text string) bool {
	forms := []string{text, hex.EncodeToString([]byte(text)), url.QueryEscape(text)}
	for _, once := range inBase64(text) {
		forms = append(append(forms, once), inBase64(once)...)
	}
	return slices.ContainsFunc(forms, func(form string) bool { return bytes.Contains(body, []byte(form)) })
}

// inBase64 is a text in both alphabets, at each of the three places where it may
// begin in a group, less the letters that its neighbours have a part in.
func inBase64(text string) []string {
	var forms []string
	for shift, skip := range []int{0, 2, 3} {
		padded := strings.Repeat("x", shift) + text
		whole := len(padded) / 3 * 3
		for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, coding.EncodeToString([]byte(padded[:whole]))[skip:])
		}
	}
	return forms
}

// findFiles tells which files below dir hold the text: databases with their
// journals, logs and all.
func findFiles(dir, text string, skip func(path string) bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() || skip(path) {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		if holds(body, text) {
			found = append(found, path)
		}
		return nil
	})
	return found, err
}
