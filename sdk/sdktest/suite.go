package sdktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/sdk"
)

// Deployment is a hub, this one or a real one, with a consumer and a provider on
// the SDK, and people.
type Deployment struct {
	URL      string
	Consumer *sdk.Consumer
	Provider *sdk.Provider
	// The agencies' keys, for what the SDK would not send.
	ConsumerKeys, ProviderKeys sdk.Keys
	// Need asks for two claims and an optional third, twice within thirty days.
	Need sdk.Need
	// OnLoad has something happen once, when the provider next loads a record.
	OnLoad func(happen func())
	// Person is somebody new with a passkey; of each number one person.
	Person func(t testing.TB, n int) Person
}

// Person is a browser and a passkey: each method begins at the address that a
// consumer redirects to and ends with what comes back to the consumer.
type Person interface {
	Login(ctx context.Context, address string) (url.Values, error)
	Grant(ctx context.Context, address string) (url.Values, error) // what is asked for, without the optional
	Deny(ctx context.Context, address string) (url.Values, error)
	Withdraw(ctx context.Context, grantID string) error
}

// story is one walk of the suite.
type story struct {
	Deployment
	ctx    context.Context
	t      *testing.T
	people []Person
	subs   []string
	client *http.Client
	count  int
}

// Suite walks one story through a deployment and compares each answer with the
// one that there must be: reason, check, mender and status word for word. It
// says how many it compared.
func Suite(t *testing.T, d Deployment) int {
	s := &story{Deployment: d, ctx: t.Context(), t: t, client: &http.Client{Timeout: 20 * time.Second}}
	t.Cleanup(s.client.CloseIdleConnections)
	for n := range 2 {
		s.people = append(s.people, d.Person(t, n))
		s.subs = append(s.subs, s.login(n))
	}
	for _, chapter := range []struct {
		name string
		walk func(*story)
	}{
		{"logins", logins}, {"a grant's life", life}, {"withdrawals", withdrawals}, {"refused requests", requests},
		{"commits", commits}, {"countersignatures", countersignatures}, {"forms", forms},
	} {
		t.Run(chapter.name, func(t *testing.T) {
			inner := *s
			inner.t = t
			chapter.walk(&inner)
			s.count = inner.count
		})
	}
	return s.count
}

// is compares one answer.
func (s *story) is(what, got, wanted string) {
	s.t.Helper()
	s.count++
	if got != wanted {
		s.t.Errorf("%s:\n got  %s\n want %s", what, got, wanted)
	}
}

// refusal is an error in the words that must be the same everywhere.
func (s *story) refusal(err error) string {
	var e *sdk.Error
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, sdk.ErrUnavailable):
		return "unavailable"
	case !errors.As(err, &e):
		return "error: " + strings.ReplaceAll(err.Error(), s.URL, "HUB")
	}
	text := fmt.Sprintf("%s: %s, check %q, mender %q, status %d", e.By, e.Reason, e.Check, e.Mender, e.Status)
	if e.By == "hub" {
		text += ": " + strings.ReplaceAll(e.Cause, s.URL, "HUB")
	}
	return text
}

func (s *story) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *story) login(n int) string {
	s.t.Helper()
	to, err := s.Consumer.Login(s.ctx)
	s.must("login", err)
	query, err := s.people[n].Login(s.ctx, to.URL)
	s.must("login page", err)
	who, err := s.Consumer.LoggedIn(s.ctx, to.State, query)
	s.must("logged in", err)
	return who.Sub
}

func (s *story) need(n int, bend func(*sdk.Need)) sdk.Need {
	need := s.Need
	need.Subject = s.subs[n]
	if bend != nil {
		bend(&need)
	}
	return need
}

// ask is a request that the hub takes.
func (s *story) ask(n int, bend func(*sdk.Need)) sdk.Redirect {
	s.t.Helper()
	to, err := s.Consumer.Ask(s.ctx, s.need(n, bend))
	s.must("ask", err)
	return to
}

// granted is a request that the person granted: what Complete then needs.
func (s *story) granted(n int, bend func(*sdk.Need)) (string, url.Values) {
	s.t.Helper()
	to := s.ask(n, bend)
	query, err := s.people[n].Grant(s.ctx, to.URL)
	s.must("grant", err)
	return to.State, query
}

func (s *story) release() *sdk.Release {
	s.t.Helper()
	state, query := s.granted(0, nil)
	r, err := s.Consumer.Complete(s.ctx, state, query)
	s.must("complete", err)
	return r
}

// post sends what the SDK would not, and answers in the words that must be the
// same everywhere.
func (s *story) post(path, contentType, body string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.URL+path, strings.NewReader(body))
	s.must("request", err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := s.client.Do(req)
	s.must("post", err)
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	s.must("answer", err)
	return fmt.Sprintf("%d %s", res.StatusCode, words(text))
}
