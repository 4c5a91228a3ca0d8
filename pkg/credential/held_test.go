package credential_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
)

// The names by which a verifier keeps what it fetched are parts of credentials: it must
// not keep the whole of somebody's card, for as long as a day or a process lives.
func TestNoCredentialIsKeptWithWhatWasFetched(t *testing.T) {
	key := jose.JSONWebKey{Key: exampleKey().Public(), KeyID: "one"}
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=3600")
		var v any = map[string]any{"vct": server.URL + r.URL.Path}
		switch path := strings.TrimPrefix(r.URL.Path, "/.well-known/jwt-vc-issuer"); {
		case path != r.URL.Path:
			v = map[string]any{"issuer": server.URL + path, "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}}
		case strings.HasSuffix(path, "/did.json"):
			id, _ := did.FromURL(server.URL + strings.TrimSuffix(path, "/did.json"))
			v, _ = did.New(id, map[string]jose.JSONWebKey{"one": key})
		}
		_ = json.NewEncoder(w).Encode(v)
	}))
	defer server.Close()
	base, err := did.FromURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	types, issuers := &credential.TypeMetadata{Development: true}, &credential.IssuerMetadata{Development: true}
	dids, lists := &did.Kept{Resolver: &did.Resolver{Development: true}}, &statuslist.Client{Development: true}
	for _, c := range []struct {
		name, base string
		ask        func(ctx context.Context, name string) error
	}{
		{"it keeps a type", server.URL + "/", func(ctx context.Context, name string) error {
			_, err := types.Describe(ctx, name, "")
			return err
		}},
		{"it keeps an issuer's keys", server.URL + "/", func(ctx context.Context, name string) error {
			_, err := issuers.Keys(ctx, name)
			return err
		}},
		{"it keeps a DID document", base + ":", func(ctx context.Context, name string) error {
			_, err := dids.Resolve(ctx, name)
			return err
		}},
		{"it keeps a status list", server.URL + "/", func(ctx context.Context, name string) error {
			_, _ = lists.Status(ctx, statuslist.Reference{URI: name}, nil) // it keeps that there is none
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const card, many = 256 << 10, 64
			before := live()
			for i := range many {
				whole := strings.Repeat("x", card) + c.base + fmt.Sprint(i)
				if err := c.ask(t.Context(), whole[card:]); err != nil {
					t.Fatal(err)
				}
			}
			if grown := live() - before; grown > many*card/4 {
				t.Errorf("%d KiB of credentials are held", grown>>10)
			}
		})
	}
	runtime.KeepAlive([]any{types, issuers, dids, lists})
}

// live is how many bytes are in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
