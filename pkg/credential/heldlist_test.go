package credential

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// busy is a client of lists that others use too: once it has answered one, it
// fetches the same list anew for another.
type busy struct {
	*statuslist.Client
	after func(ref statuslist.Reference, trust statuslist.Trust)
}

func (b busy) Look(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, string, error) {
	s, token, err := b.Client.Look(ctx, ref, trust)
	b.after(ref, trust)
	return s, token, err
}

// The evidence holds the list that the verification went by, and no newer one.
func TestTheListThatWasAsked(t *testing.T) {
	var lists [2]string
	var next atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", statuslist.MediaType)
		_, _ = w.Write([]byte(lists[next.Load()]))
	}))
	defer server.Close()
	s := newScene(t)
	for i := range lists {
		list, err := statuslist.New(1, 64)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := list.Set(7, statuslist.Invalid); err != nil {
				t.Fatal(err)
			}
		}
		if lists[i], err = statuslist.Sign(statuslist.Key{Signer: s.key, X5C: s.chain}, statuslist.Token{
			URI: server.URL + "/list", IssuedAt: testNow.Add(time.Duration(i) * time.Second), Expires: testNow.Add(time.Hour), TTL: time.Second, List: list}); err != nil {
			t.Fatal(err)
		}
	}
	s.claims["status"] = map[string]any{"status_list": map[string]any{"uri": server.URL + "/list", "idx": 7}}
	now := testNow
	client := &statuslist.Client{Development: true, Now: func() time.Time { return now }}
	s.verifier.Status = busy{client, func(ref statuslist.Reference, trust statuslist.Trust) {
		now = now.Add(2 * time.Second)
		next.Store(1)
		if status, err := client.Status(t.Context(), ref, trust); err != nil || status != statuslist.Invalid {
			t.Fatal(status, err)
		}
	}}
	r := s.verifier.Verify(t.Context(), s.present(t))
	if !r.OK() || r.Evidence.StatusToken != lists[0] {
		t.Errorf("%+v; of a list that was not asked: %v", r.Checks, r.Evidence != nil && r.Evidence.StatusToken == lists[1])
	}
}
