package admit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crypto/tls"
	"encoding/json"

	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// input is a case of a body that is none.
func input(name, korean, clause string, change func(a *asked, good []byte)) check {
	return check{partInput, name, korean, clause, func(ctx context.Context, b *Bench) error {
		good, err := b.ask(ctx, b.plan.People.One.ID, nil)
		if err != nil {
			return err
		}
		bent := good.clone()
		r, err := bent.request(ctx)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		change(bent, raw)
		return refused(ctx, bent, good)
	}}
}

var inputCases = []check{
	input("refuses a body that is no JSON", "JSON이 아닌 본문을 거부한다", "OpenAPI, /release", func(a *asked, good []byte) { a.raw = good[:len(good)/2] }),
	input("refuses a member twice", "중복된 항목을 거부한다", "RFC 8259, 4", func(a *asked, good []byte) {
		a.raw = append([]byte(`{"idempotency_key":"another-key-0123456789",`), good[1:]...)
	}),
	input("refuses a short idempotency key", "짧은 멱등 키를 거부한다", "OpenAPI, /release", func(a *asked, _ []byte) { a.idem = "short" }),
	input("refuses a body of more than 256 KiB", "256 KiB를 넘는 본문을 거부한다", "OpenAPI, /release", func(a *asked, good []byte) {
		a.raw = append(bytes.Clone(good), bytes.Repeat([]byte(" "), transfer.MaxReleaseRequest)...)
	}),
	input("refuses a deep nest of JSON", "깊게 중첩된 JSON을 거부한다", "RFC 8259, 9", func(a *asked, _ []byte) {
		a.raw = []byte(strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000))
	}),
	input("refuses another media type", "다른 미디어 타입을 거부한다", "OpenAPI, /release", func(a *asked, _ []byte) { a.media = "text/plain" }),
	input("refuses another method", "다른 메서드를 거부한다", "OpenAPI, /release", func(a *asked, _ []byte) { a.method = http.MethodPut }),
	input("refuses a token that is no JWS", "JWS가 아닌 토큰을 거부한다", "RFC 7515, 7.1", func(a *asked, _ []byte) {
		a.edit = func(r *http.Request) { r.Header.Set("Authorization", "DPoP a..b") }
	}),
	input("refuses a sealed part that it cannot open", "열 수 없는 봉인 부분을 거부한다", "docs/agencies.md, Whose data", func(a *asked, _ []byte) { a.Token.Sealed = "a.b.c.d.e" }),
	input("refuses an acknowledgement that is no JWS", "JWS가 아닌 수신 확인을 거부한다", "OpenAPI, /release", func(a *asked, _ []byte) {
		a.media, a.raw = "application/jose", []byte("a.b.c")
	}),
}

// allCases look at every refusal there was.
var allCases = []check{
	{partAll, "never answers bad input with a fault of its own (5xx)", "잘못된 입력에 5xx로 답하지 않는다", "CONTRIBUTING.md", func(_ context.Context, b *Bench) error {
		return b.eachRefusal(func(a answer) error {
			if a.status >= 500 && a.status != http.StatusServiceUnavailable {
				return fmt.Errorf("status %d", a.status)
			}
			return nil
		})
	}},
	{partAll, "refuses with a problem document that names a code", "코드가 있는 문제 문서로 거부한다", "RFC 9457, 3", func(_ context.Context, b *Bench) error {
		return b.eachRefusal(func(a answer) error {
			media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
			var p struct {
				Status int    `json:"status"`
				Code   string `json:"code"`
			}
			switch {
			case a.status < 400:
				return fmt.Errorf("status %d without data", a.status)
			case err != nil || media != "application/problem+json":
				return fmt.Errorf("status %d as %q", a.status, a.header.Get("Content-Type"))
			case json.Unmarshal(a.body, &p) != nil || p.Code == "" || p.Status != a.status:
				return fmt.Errorf("status %d: no code, or another status", a.status)
			}
			return nil
		})
	}},
	{partAll, "says nothing personal in a refusal", "거부할 때 개인정보를 말하지 않는다", "docs/agencies.md, Whose data", func(_ context.Context, b *Bench) error {
		people := b.plan.People
		words := append(append([]string{people.One.ID, people.Other.ID, people.Nobody, people.Several}, people.One.Secrets...), people.Other.Secrets...)
		return b.eachRefusal(func(a answer) error {
			for _, word := range words {
				if word != "" && bytes.Contains(a.body, []byte(word)) {
					return fmt.Errorf("status %d: a refusal holds what the plan calls personal", a.status)
				}
			}
			return nil
		})
	}},
	{partAll, "forbids that answers are kept by caches", "응답을 캐시하지 못하게 한다", "RFC 9111, 5.2.2.5", func(ctx context.Context, b *Bench) error {
		_, got, err := b.once(ctx)
		if err != nil {
			return err
		}
		if !strings.Contains(got.header.Get("Cache-Control"), "no-store") {
			return errors.New("Cache-Control is not no-store")
		}
		return nil
	}},
}

func (b *Bench) eachRefusal(look func(answer) error) error {
	b.mu.Lock()
	all := b.refusals
	b.mu.Unlock()
	if len(all) == 0 {
		return errors.New("there was no refusal to look at")
	}
	for _, a := range all {
		if err := look(a); err != nil {
			return err
		}
	}
	return nil
}

// slow is a client that never finishes its request; it runs beside the cases.
type slow struct {
	cancel context.CancelFunc
	done   chan error
}

func (b *Bench) beginSlow(ctx context.Context) *slow {
	ctx, cancel := context.WithCancel(ctx)
	s := &slow{cancel, make(chan error, 1)}
	go func() { s.done <- b.dribble(ctx) }()
	return s
}

func (s *slow) end() { s.cancel() }

func (s *slow) check(ctx context.Context, _ *Bench) error {
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return errors.New("the connection is still open")
	}
}

// dribble sends the head of a request, and then a byte now and then.
func (b *Bench) dribble(ctx context.Context) error {
	u, err := url.Parse(b.options.URL)
	if err != nil {
		return err
	}
	connection, err := dial(ctx, u)
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{", u.EscapedPath(), u.Host); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, connection)
		close(ended)
	}()
	over := time.After(b.options.Patience)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return nil
		case <-over:
			return fmt.Errorf("after %s the connection is still open: the agency's server has to bound how long a request may take to come (in Go http.Server.ReadTimeout)", b.options.Patience)
		case <-time.After(300 * time.Millisecond):
			_, _ = connection.Write([]byte(" ")) // a closed connection is what ended tells
		}
	}
}

func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"https": "443"}[u.Scheme]+map[string]string{"http": "80"}[u.Scheme])
	}
	if u.Scheme == "https" {
		return (&tls.Dialer{}).DialContext(ctx, "tcp", host)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", host)
}
