package hostile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

// door is an endpoint for programs, with a body that it would read.
type door struct{ path, contentType string }

var machineDoors = []door{
	{"/par", formType}, {"/token", formType}, {"/introspect", formType}, {"/revoke", formType},
	{"/agency/commits", joseType}, {"/agency/received", joseType}, {"/agency/receipts/x", joseType},
	{"/login/options", jsonType}, {"/login/finish", jsonType}, {"/enrol/options", jsonType}, {"/enrol/finish", jsonType},
}

// doors are refusals that every endpoint owes: method, path, size, headers.
func doors() []attempt {
	var list []attempt
	add := func(name string, status int, code string, try func(t *testing.T, w *world) answer) {
		list = append(list, attempt{name: name, status: status, code: code, try: try})
	}
	for _, d := range machineDoors {
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			if method == http.MethodGet && d.path == "/login/options" {
				continue // below
			}
			add("it refuses "+method+" at "+d.path, 405, "method", func(t *testing.T, w *world) answer {
				return ask(t, method, w.hub+d.path, "")
			})
		}
	}
	for path, method := range map[string]string{
		"/jwks": "POST", "/.well-known/openid-configuration": "DELETE", "/.well-known/openid-credential-issuer": "POST",
		"/log/checkpoint": "POST", "/log/tile/0/000": "PUT", "/catalogue": "POST", "/status/1": "DELETE", "/nonce": "GET",
		"/credential": "GET", "/notification": "GET", "/me": "POST", "/me/consents/x/withdraw": "DELETE", "/assets/mydata.css": "POST",
		"/authorize/callback": "POST", "/healthz": "POST",
	} {
		add("it refuses "+method+" at "+path, 405, "method", func(t *testing.T, w *world) answer {
			return ask(t, method, w.hub+path, "")
		})
	}
	for _, path := range []string{
		"/nowhere", "/me/nowhere", "/admin", "/enrol/x", "/.git/config", "/assets/../idp.db", "/assets/%2e%2e%2fidp.db", "/assets/", "/%00",
		"/log/", "/agency/", "/debug/pprof/", "/letters/1", "/trust", "/" + mark, "/idp.sock",
	} {
		add("it knows no path "+path, 404, "not_found", func(t *testing.T, w *world) answer {
			return raw(t, w.Addr(stage.IDP), "GET "+strings.NewReplacer(" ", "%20", `"`, "%22", "<", "%3C", ">", "%3E").Replace(path)+
				" HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nConnection: close\r\n\r\n")
		})
	}
	return append(append(list, origins()...), wires()...)
}

const evil = "https://evil.example"

// origins: no page of another site reads an answer, and no name that a stranger
// gives us comes back.
func origins() []attempt {
	var list []attempt
	for _, d := range machineDoors {
		list = append(list, attempt{name: "it lets no other site read " + d.path, status: 400, try: func(t *testing.T, w *world) answer {
			a := ask(t, http.MethodPost, w.hub+d.path, "?", "Content-Type", d.contentType, "Origin", evil, "Sec-Fetch-Site", "cross-site")
			if to := a.header.Get("Access-Control-Allow-Origin"); to != "" || a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("it may be read by %q", to)
			}
			if a.status/100 == 4 { // which refusal comes first is not asked here
				return answer{status: 400, header: http.Header{}}
			}
			return a
		}})
	}
	for _, path := range []string{"/", "/login", "/enrol", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/openid-credential-issuer", "/jwks"} {
		list = append(list, attempt{name: "it takes no name for itself from a stranger at " + path, status: 200, try: func(t *testing.T, w *world) answer {
			a := raw(t, w.Addr(stage.IDP), "GET "+path+" HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example;proto=gopher\r\nX-Forwarded-Proto: gopher\r\nConnection: close\r\n\r\n")
			if strings.Contains(a.body, "evil.example") || strings.Contains(a.body, "gopher") {
				t.Errorf("it took it: %s", short(a.body))
			}
			return a
		}})
	}
	return append(list, attempt{name: "it reads no compressed body", status: 415, code: "encoding", try: func(t *testing.T, w *world) answer {
		return postJSON(t, w.hub+"/login/finish", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", "Content-Encoding", "gzip")
	}})
}

// wires are HTTP messages that no client library would send.
func wires() []attempt {
	var list []attempt
	add := func(name string, status int, text func(host string) string) {
		list = append(list, attempt{name: name, status: status, try: func(t *testing.T, w *world) answer {
			return raw(t, w.Addr(stage.IDP), text(strings.TrimPrefix(w.hub, "http://")))
		}})
	}
	add("it refuses two Host fields", 400, func(h string) string { return "GET / HTTP/1.1\r\nHost: " + h + "\r\nHost: evil\r\n\r\n" })
	add("it refuses a request without Host", 400, func(string) string { return "GET / HTTP/1.1\r\n\r\n" })
	add("it refuses a header name with a space", 400, func(h string) string { return "GET / HTTP/1.1\r\nHost: " + h + "\r\nA b: c\r\n\r\n" })
	add("it refuses a NUL in a header", 400, func(h string) string { return "GET / HTTP/1.1\r\nHost: " + h + "\r\nA: \x00\r\n\r\n" })
	add("it refuses two lengths", 400, func(h string) string {
		return "POST /token HTTP/1.1\r\nHost: " + h + "\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"
	})
	add("it refuses a negative length", 400, func(h string) string {
		return "POST /token HTTP/1.1\r\nHost: " + h + "\r\nContent-Length: -1\r\n\r\n"
	})
	add("it refuses a header field of 48 KiB", 431, func(h string) string {
		return "GET / HTTP/1.1\r\nHost: " + h + "\r\nA: " + long(48<<10) + "\r\n\r\n"
	})
	add("it refuses four thousand header fields", 431, func(h string) string {
		return "GET / HTTP/1.1\r\nHost: " + h + "\r\n" + strings.Repeat("Accept-Language: ko\r\n", 4000) + "\r\n"
	})
	add("it refuses HTTP/3.0 on the wire", 505, func(h string) string { return "GET / HTTP/3.0\r\nHost: " + h + "\r\n\r\n" })
	add("it refuses an address that is none", 400, func(h string) string { return "GET %zz HTTP/1.1\r\nHost: " + h + "\r\n\r\n" })
	return list
}
