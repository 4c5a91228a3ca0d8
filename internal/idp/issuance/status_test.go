package issuance_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

// get asks with the headers that are given as pairs.
func (w *world) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

func (w *world) trust([][]byte) (crypto.PublicKey, error) { return w.Issuer.Key().Signer.Public(), nil }

// card issues one with two bits and says where its status stands.
func (w *world) card(t *testing.T) (credential.Issued, statuslist.Reference) {
	t.Helper()
	_, issued, err := w.Issuer.Issue(t.Context(), w.order(t))
	if err != nil {
		t.Fatal(err)
	}
	return issued, statuslist.Reference{URI: w.Issuer.ListURI(issued.List), Index: issued.Index}
}

//clause:status 8.1: GET, content negotiation, CORS
//clause:status 8.4: `time`; 501 where no history is given out, 404 for a time that is not kept; iat <= time < exp, or a static host's answer is refused
func TestStatusRoute(t *testing.T) {
	w := newWorld(t)
	_, ref := w.card(t)
	list := "/status/" + path.Base(ref.URI)
	jwt, cwt := statuslist.MediaType, statuslist.MediaTypeCWT
	for _, c := range []struct {
		name, path string
		headers    []string
		status     int
		media      string
		code       string
	}{
		{"it serves the JWT to whom it does not matter", list, nil, 200, jwt, ""},
		{"it serves the JWT to browsers", list, []string{"Accept", "text/html, */*;q=0.8"}, 200, jwt, ""},
		{"it serves the CWT to who asks for it", list, []string{"Accept", cwt}, 200, cwt, ""},
		{"it serves what is liked better", list, []string{"Accept", jwt + ";q=0.1, " + cwt}, 200, cwt, ""},
		{"it refuses other forms", list, []string{"Accept", "text/html"}, 406, "", "not_acceptable"},
		{"it gives out no past unless it is configured", list + "?time=1686925000", nil, 501, "", "no_history"},
		{"it refuses a time that is none", list + "?time=yesterday", nil, 400, "", "time"},
		{"it refuses a negative time", list + "?time=-1", nil, 400, "", "time"},
		{"it refuses a time with a fraction", list + "?time=1.5", nil, 400, "", "time"},
		{"it refuses a time beyond numbers", list + "?time=99999999999999999999", nil, 400, "", "time"},
		{"it refuses a time beyond the year 9999", list + "?time=253402300800", nil, 400, "", "time"},
		{"it refuses no time", list + "?time=", nil, 400, "", "time"},
		{"it refuses two times", list + "?time=1&time=2", nil, 400, "", "time"},
		{"it refuses a query that cannot be read", list + "?time=1&%zz", nil, 400, "", "time"},
		{"it takes a query of others", list + "?x=1", nil, 200, jwt, ""},
		{"it refuses a list that is not there", "/status/nosuch", nil, 404, "", "not_found"},
		{"it refuses a list with an odd name", "/status/%00", nil, 404, "", "not_found"},
		{"it refuses the past of a list that is not there", "/status/nosuch?time=1", nil, 404, "", "not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.get(t, c.path, c.headers...)
			if a.status != c.status || c.media != "" && a.header.Get("Content-Type") != c.media || c.code != "" && code(t, a) != c.code {
				t.Fatalf("%d %s %.200s", a.status, a.header.Get("Content-Type"), a.body)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page of another origin cannot read it")
			}
			if !strings.Contains(a.header.Get("Vary"), "Accept") {
				t.Error("a cache takes one form for the other")
			}
		})
	}
}

//clause:status 8.2: content types, bodies raw; gzip for the JWT; redirects followed; exp and ttl before HTTP's caching
//clause:status 13.7: iat, exp, ttl; 15 minutes
func TestStatusRouteIsReadInBothForms(t *testing.T) {
	w := newWorld(t)
	issued, ref := w.card(t)
	if err := w.Issuer.Revoke(t.Context(), issued.ID); err != nil {
		t.Fatal(err)
	}
	client := &statuslist.Client{Development: true, Now: func() time.Time { return w.now }}
	for _, media := range []string{statuslist.MediaType, statuslist.MediaTypeCWT} {
		token, err := client.FetchAs(t.Context(), ref.URI, media, w.trust)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := token.List.Get(ref.Index); err != nil || got != statuslist.Invalid {
			t.Errorf("%s: %d, %v", media, got, err)
		}
		if token.Expires.Sub(w.now) > 15*time.Minute || token.TTL != credential.ListTTL || token.Aggregation != w.URL+"/status" {
			t.Errorf("%s: %+v", media, token)
		}
	}
	a := w.get(t, "/status/"+issued.List, "Accept-Encoding", "br, gzip;q=0.5")
	zipped, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil || a.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v, %v", err, a.header)
	}
	if plain, err := io.ReadAll(zipped); err != nil || len(a.body) >= len(plain) {
		t.Errorf("compressed it is no shorter: %d of %d, %v", len(a.body), len(plain), err)
	}
	if a := w.get(t, "/status/"+issued.List, "Accept-Encoding", "gzip;q=0"); a.header.Get("Content-Encoding") != "" {
		t.Error("it compresses for whom it must not")
	}
}

//clause:status 9: aggregation, in the authorization server's metadata and in each list; one that fails does not stop the others
func TestAggregationNamesAllLists(t *testing.T) {
	w := newWorld(t)
	_, one := w.card(t)
	w.Issuer.Bits = 2
	w.now = w.now.Add(time.Second)
	other := &credential.Issuer{URL: w.URL, Store: w.db.Credentials(), Salts: salts{}, Key: w.Issuer.Key, Now: w.Now, Bits: 2}
	_, issued, err := other.Issue(t.Context(), w.order(t))
	if err != nil {
		t.Fatal(err)
	}
	a := w.get(t, "/status")
	var all statuslist.Aggregation
	if err := json.Unmarshal(a.body, &all); err != nil || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v %s", err, a.body)
	}
	if want := []string{w.Issuer.ListURI(issued.List), one.URI}; !slices.Equal(all.StatusLists, want) {
		t.Errorf("%v, want %v", all.StatusLists, want)
	}
	client := &statuslist.Client{Development: true, Now: func() time.Time { return w.now }}
	if err := client.Preload(t.Context(), w.URL+"/status", w.trust); err != nil {
		t.Error(err)
	}
}

//clause:status 7: valid, invalid, suspended; one whole value a place; what is no list's to say is refused
func TestSuspensionAndReinstatement(t *testing.T) {
	w, s := withSpy(t)
	w.Issuer.Bits = 2
	issued, ref := w.card(t)
	client := &statuslist.Client{Development: true, Now: func() time.Time { return w.now }}
	seen := func() statuslist.Status {
		t.Helper()
		w.now = w.now.Add(credential.ListTTL)
		got, err := client.Status(t.Context(), ref, w.trust)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	ctx := t.Context()
	for _, step := range []struct {
		name string
		do   func() error
		err  error
		want statuslist.Status
	}{
		{"it reinstates who is not suspended without effect", func() error { return w.Issuer.Reinstate(ctx, issued.ID) }, nil, statuslist.Valid},
		{"it suspends for a reason of the list alone", func() error { return w.Issuer.Suspend(ctx, issued.ID, "because") }, credential.ErrReason, statuslist.Valid},
		{"it revokes for a reason of the list alone", func() error { return w.Issuer.RevokeFor(ctx, issued.ID, "") }, credential.ErrReason, statuslist.Valid},
		{"it suspends", func() error { return w.Issuer.Suspend(ctx, issued.ID, credential.ReasonInquiry) }, nil, statuslist.Suspended},
		{"it suspends twice without effect", func() error { return w.Issuer.Suspend(ctx, issued.ID, credential.ReasonMisuse) }, nil, statuslist.Suspended},
		{"it reinstates", func() error { return w.Issuer.Reinstate(ctx, issued.ID) }, nil, statuslist.Valid},
		{"it suspends again", func() error { return w.Issuer.Suspend(ctx, issued.ID, credential.ReasonInquiry) }, nil, statuslist.Suspended},
		{"it revokes what is suspended", func() error { return w.Issuer.RevokeFor(ctx, issued.ID, credential.ReasonMisuse) }, nil, statuslist.Invalid},
		{"it revokes twice without effect", func() error { return w.Issuer.Revoke(ctx, issued.ID) }, nil, statuslist.Invalid},
		{"it reinstates nothing that is revoked", func() error { return w.Issuer.Reinstate(ctx, issued.ID) }, credential.ErrRevoked, statuslist.Invalid},
		{"it suspends nothing that is revoked", func() error { return w.Issuer.Suspend(ctx, issued.ID, credential.ReasonInquiry) }, credential.ErrRevoked, statuslist.Invalid},
		{"it knows no other credentials", func() error { return w.Issuer.Suspend(ctx, "nosuch", credential.ReasonInquiry) }, credential.ErrUnknown, statuslist.Invalid},
	} {
		before := len(s.commits)
		if err := step.do(); !errors.Is(err, step.err) || step.err == nil && err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := seen(); got != step.want {
			t.Errorf("%s: the list says %d, not %d", step.name, got, step.want)
		}
		if step.err != nil && len(s.commits) != before {
			t.Errorf("%s: it committed something", step.name)
		}
	}
	events, err := w.Issuer.Events(ctx, "kim")
	if err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, e := range events {
		ops = append(ops, e.Op)
		if _, leaf := findLeaf(s.commits, e.Digest, credential.SaltLabel(issued.ID)); !leaf {
			t.Errorf("%s has no leaf", e.Op)
		}
	}
	if want := []string{"issued", "suspended", "reinstated", "suspended", "revoked"}; !slices.Equal(ops, want) {
		t.Errorf("the holder's history is %v", ops)
	}
	if got, err := w.Issuer.Get(ctx, issued.ID); err != nil || got.Reason != credential.ReasonMisuse {
		t.Errorf("%+v, %v", got, err)
	}
}

//clause:status 7: valid, invalid, suspended; one whole value a place; what is no list's to say is refused
func TestAListOfOneBitCannotSuspend(t *testing.T) {
	w := newWorld(t)
	issued, _ := w.card(t)
	if err := w.Issuer.Suspend(t.Context(), issued.ID, credential.ReasonInquiry); !errors.Is(err, credential.ErrBits) {
		t.Error(err)
	}
}

// Each write that suspends, reinstates or revokes is broken: lost, and lost but
// kept. Either way the list says in the end what was acknowledged.
func TestAChangeOfStatusThatBreaks(t *testing.T) {
	for _, kept := range []bool{false, true} {
		w, s := withSpy(t)
		w.Issuer.Bits = 2
		issued, ref := w.card(t)
		for _, step := range []struct {
			prefix string
			do     func() error
			want   statuslist.Status
		}{
			{"suspended/", func() error { return w.Issuer.Suspend(t.Context(), issued.ID, credential.ReasonInquiry) }, statuslist.Suspended},
			{"reinstated/", func() error { return w.Issuer.Reinstate(t.Context(), issued.ID) }, statuslist.Valid},
			{"revoke/", func() error { return w.Issuer.Revoke(t.Context(), issued.ID) }, statuslist.Invalid},
		} {
			s.before, s.after = once(step.prefix), nil
			if kept {
				s.before, s.after = nil, once(step.prefix)
			}
			if err := step.do(); err != nil {
				t.Errorf("kept=%v %s: %v", kept, step.prefix, err)
			}
			token, err := w.Issuer.StatusList(t.Context(), issued.List)
			if err != nil {
				t.Fatal(err)
			}
			read, err := statuslist.Verify(token, ref.URI, w.now, w.trust)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := read.List.Get(ref.Index); err != nil || got != step.want {
				t.Errorf("kept=%v %s: %d, %v", kept, step.prefix, got, err)
			}
		}
		changes, err := w.db.Credentials().ChangesOf(t.Context(), issued.ID)
		if err != nil || len(changes) != 3 {
			t.Errorf("kept=%v: %d changes, %v", kept, len(changes), err)
		}
	}
}

// A verifier that saw the revocation refuses the list from before, though its
// signature is good and it has not expired.
//
//clause:status ours: an older list that is served again is refused by name, and found by a monitor in each form
func TestARollbackIsRefused(t *testing.T) {
	w := newWorld(t)
	issued, ref := w.card(t)
	old, err := w.Issuer.StatusList(t.Context(), issued.List)
	if err != nil {
		t.Fatal(err)
	}
	client := &statuslist.Client{Development: true, Now: func() time.Time { return w.now }}
	w.now = w.now.Add(2 * time.Minute)
	if err := w.Issuer.Revoke(t.Context(), issued.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Status(t.Context(), ref, w.trust); err != nil || got != statuslist.Invalid {
		t.Fatalf("%d, %v", got, err)
	}
	if _, err := statuslist.Verify(old, ref.URI, w.now, w.trust); err != nil {
		t.Fatalf("by itself it is good: %v", err)
	}
	w.now = w.now.Add(credential.ListTTL)
	w.rolledBack = []byte(old)
	if _, err := client.Status(t.Context(), ref, w.trust); !errors.Is(err, statuslist.ErrRollback) {
		t.Errorf("it takes the list from before: %v", err)
	}
}

// findLeaf is the commit whose leaves hold kim's commitment to a digest.
func findLeaf(commits []credential.Commit, digest [32]byte, label string) (credential.Commit, bool) {
	salt, _ := salts{}.Salt(context.Background(), "kim", label)
	want := tlog.Commitment(credential.LeafDomain, salt, digest)
	for _, c := range commits {
		for _, leaf := range c.Leaves {
			if bytes.Equal(leaf, want) {
				return c, true
			}
		}
	}
	return credential.Commit{}, false
}
