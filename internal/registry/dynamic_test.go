package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/registry"
)

func (f *faulty) PutInitial(ctx context.Context, t registry.InitialToken, now time.Time) error {
	return f.do(func() error { return f.Store.PutInitial(ctx, t, now) })
}

func (f *faulty) Register(ctx context.Context, initial string, now time.Time, r registry.Registration) error {
	return f.do(func() error { return f.Store.Register(ctx, initial, now, r) })
}

func (f *faulty) Reregister(ctx context.Context, token string, c registry.Client) error {
	return f.do(func() error { return f.Store.Reregister(ctx, token, c) })
}

func (f *faulty) Unregister(ctx context.Context, id, token string) error {
	return f.do(func() error { return f.Store.Unregister(ctx, id, token) })
}

var site = json.RawMessage(`{"redirect_uris":["https://site.example/cb"],"client_name":"Site","scope":"openid"}`)

func initialToken(t *testing.T, r *registry.Registry, uses int64) string {
	t.Helper()
	token, _, err := r.NewInitial(t.Context(), registry.InitialOrder{Uses: uses, Life: time.Hour, Scopes: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// RFC 7591, 3: an initial access token is good for so many, for so long.
//
//clause:as RFC 7591: registration by an initial access token, its errors, what strangers may not have
func TestInitialTokens(t *testing.T) {
	clock := time.Now()
	r := &registry.Registry{Store: newStore(t).Registry(), Now: func() time.Time { return clock }}
	t.Run("it refuses an order of no use, without end, or of no scope", func(t *testing.T) {
		for _, o := range []registry.InitialOrder{
			{Uses: 0, Life: time.Hour}, {Uses: registry.MaxUses + 1, Life: time.Hour}, {Uses: 1}, {Uses: 1, Life: -1},
			{Uses: 1, Life: registry.MaxInitialLife + 1}, {Uses: 1, Life: time.Hour, Scopes: []string{`a"b`}}, {Uses: 1, Life: time.Hour, Scopes: []string{""}},
		} {
			if token, _, err := r.NewInitial(t.Context(), o); !errors.Is(err, registry.ErrOrder) || token != "" {
				t.Errorf("%+v: %v", o, err)
			}
		}
	})
	t.Run("it is good for as many as it says", func(t *testing.T) {
		token := initialToken(t, r, 2)
		for range 2 {
			if _, err := r.Register(t.Context(), token, site); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Register(t.Context(), token, site); !errors.Is(err, registry.ErrNotAllowed) {
			t.Error(err)
		}
	})
	t.Run("it is not used up by what is refused", func(t *testing.T) {
		token := initialToken(t, r, 1)
		if _, err := r.Register(t.Context(), token, json.RawMessage(`{"agency":"urn:a"}`)); err == nil {
			t.Error("taken")
		}
		if _, err := r.Register(t.Context(), token, site); err != nil {
			t.Error(err)
		}
	})
	t.Run("it ends", func(t *testing.T) {
		token := initialToken(t, r, 1)
		clock = clock.Add(time.Hour)
		if _, err := r.Register(t.Context(), token, site); !errors.Is(err, registry.ErrNotAllowed) {
			t.Error(err)
		}
	})
}

// RFC 7592, 2: a registration changes and ends by its own token, and a replica of
// the memory with it.
//
//clause:as RFC 7592: read, replace, end, by its own token
func TestRegistrations(t *testing.T) {
	r := &registry.Registry{Store: newStore(t).Registry()}
	given, err := r.Register(t.Context(), initialToken(t, r, 1), site)
	if err != nil || !given.Client.Dynamic || given.Secret == "" || !given.Client.CheckSecret(given.Secret) {
		t.Fatalf("%+v %v", given, err)
	}
	id := given.Client.ID
	if c, err := r.Client(t.Context(), id); err != nil || c.DisplayName("ko") != "Site" {
		t.Fatal(c, err)
	}
	t.Run("it changes at once, and keeps its secret", func(t *testing.T) {
		again, err := r.Reregister(t.Context(), id, given.Token, json.RawMessage(`{"client_id":"`+id+`","client_secret":"`+given.Secret+`","client_name":"New","redirect_uris":["https://site.example/new"]}`))
		if err != nil || again.Secret != "" {
			t.Fatal(again, err)
		}
		c, err := r.Client(t.Context(), id)
		if err != nil || c.DisplayName("") != "New" || !c.CheckSecret(given.Secret) || !c.MayRedirect("https://site.example/new") || c.MayRedirect("https://site.example/cb") {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("it gets a secret when it had none", func(t *testing.T) {
		wallet, err := r.Register(t.Context(), initialToken(t, r, 1), json.RawMessage(`{"token_endpoint_auth_method":"none","dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true,"redirect_uris":["https://w.example/"]}`))
		if err != nil || wallet.Secret != "" {
			t.Fatal(err)
		}
		again, err := r.Reregister(t.Context(), wallet.Client.ID, wallet.Token, json.RawMessage(`{"client_id":"`+wallet.Client.ID+`","redirect_uris":["https://w.example/"]}`))
		if err != nil || !again.Client.CheckSecret(again.Secret) {
			t.Error(again, err)
		}
	})
	for name, body := range map[string]string{
		"client_id":                 `{"client_id":"other","redirect_uris":["https://site.example/cb"]}`,
		"client_secret":             `{"client_id":"` + id + `","client_secret":"mine","redirect_uris":["https://site.example/cb"]}`,
		"registration_access_token": `{"client_id":"` + id + `","registration_access_token":"x","redirect_uris":["https://site.example/cb"]}`,
		"registration_client_uri":   `{"client_id":"` + id + `","registration_client_uri":"x","redirect_uris":["https://site.example/cb"]}`,
		"client_id_issued_at":       `{"client_id":"` + id + `","client_id_issued_at":1,"redirect_uris":["https://site.example/cb"]}`,
		"client_secret_expires_at":  `{"client_id":"` + id + `","client_secret_expires_at":1,"redirect_uris":["https://site.example/cb"]}`,
		"agency":                    `{"client_id":"` + id + `","agency":"urn:a","redirect_uris":["https://site.example/cb"]}`,
		"roles":                     `{"client_id":"` + id + `","roles":["introspect"],"redirect_uris":["https://site.example/cb"]}`,
		"metadata":                  `[]`,
	} {
		t.Run("it refuses a change by "+name, func(t *testing.T) {
			_, err := r.Reregister(t.Context(), id, given.Token, json.RawMessage(body))
			var refusal *registry.MetadataError
			if !errors.As(err, &refusal) || refusal.Field != name {
				t.Error(err)
			}
			if c, err := r.Client(t.Context(), id); err != nil || c.DisplayName("") != "New" {
				t.Error("changed", err)
			}
		})
	}
	t.Run("it ends for good", func(t *testing.T) {
		for _, token := range []string{"", "x", given.Secret} {
			if err := r.Unregister(t.Context(), id, token); !errors.Is(err, registry.ErrUnknown) {
				t.Error(err)
			}
		}
		if err := r.Unregister(t.Context(), "a\x00b", given.Token); !errors.Is(err, registry.ErrUnknown) {
			t.Error(err)
		}
		if err := r.Unregister(t.Context(), id, given.Token); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Client(t.Context(), id); !errors.Is(err, registry.ErrUnknown) {
			t.Error(err)
		}
		if _, _, err := r.AddClient(t.Context(), json.RawMessage(`{"client_id":"`+id+`","redirect_uris":["https://site.example/cb"]}`)); !errors.Is(err, registry.ErrTaken) {
			t.Error("its name is given again:", err)
		}
	})
}

// What a stranger may not register, each by name, and with no use of its token.
//
//clause:as RFC 7591: registration by an initial access token, its errors, what strangers may not have
func TestDynamicMetadata(t *testing.T) {
	r := &registry.Registry{Store: newStore(t).Registry()}
	token := initialToken(t, r, 1)
	with := func(member string) string { return `{"redirect_uris":["https://a.example/cb"],` + member + `}` }
	for _, c := range []struct{ field, code, body string }{
		{"agency", registry.CodeMetadata, with(`"agency":"urn:mydata:agency:tax"`)},
		{"agency", registry.CodeMetadata, with(`"agency":""`)},
		{"roles", registry.CodeMetadata, with(`"roles":["introspect"]`)},
		{"client_id", registry.CodeMetadata, with(`"client_id":"mine"`)},
		{"client_secret", registry.CodeMetadata, with(`"client_secret":"mine"`)},
		{"software_statement", registry.CodeStatement, with(`"software_statement":"a.b.c"`)},
		{"bearer_access_tokens", registry.CodeMetadata, with(`"token_endpoint_auth_method":"none","bearer_access_tokens":true,"require_pushed_authorization_requests":true`)},
		{"jwks_uri", registry.CodeMetadata, with(`"jwks_uri":"http://169.254.169.254/latest/meta-data"`)},
		{"jwks_uri", registry.CodeMetadata, with(`"jwks_uri":"http://127.0.0.1/jwks"`)},
		{"jwks_uri", registry.CodeMetadata, with(`"jwks_uri":"https://a.example/jwks","jwks":{"keys":[]}`)},
		{"sector_identifier_uri", registry.CodeMetadata, with(`"sector_identifier_uri":"http://localhost/"`)},
		{"request_uris", registry.CodeMetadata, with(`"request_uris":["http://10.0.0.1/"]`)},
		{"initiate_login_uri", registry.CodeMetadata, with(`"initiate_login_uri":"https://a.example/"`)},
		{"subject_type", registry.CodeMetadata, with(`"subject_type":"public"`)},
		{"userinfo_signed_response_alg", registry.CodeMetadata, with(`"userinfo_signed_response_alg":"ES256"`)},
		{"id_token_encrypted_response_alg", registry.CodeMetadata, with(`"id_token_encrypted_response_alg":"RSA-OAEP"`)},
		{"id_token_signed_response_alg", registry.CodeMetadata, with(`"id_token_signed_response_alg":"none"`)},
		{"request_object_encryption_alg", registry.CodeMetadata, with(`"request_object_encryption_alg":"RSA-OAEP"`)},
		{"tls_client_certificate_bound_access_tokens", registry.CodeMetadata, with(`"tls_client_certificate_bound_access_tokens":true`)},
		{"tls_client_auth_subject_dn", registry.CodeMetadata, with(`"tls_client_auth_subject_dn":"CN=x"`)},
		{"registration_access_token", registry.CodeMetadata, with(`"registration_access_token":"x"`)},
		{"client_uri", registry.CodeMetadata, with(`"client_uri":"javascript:alert(1)"`)},
		{"client_uri", registry.CodeMetadata, with(`"client_uri":"http://a.example"`)},
		{"client_name", registry.CodeMetadata, with(`"client_name":"a\u202eb"`)},
		{"token_endpoint_auth_method", registry.CodeMetadata, with(`"token_endpoint_auth_method":"client_secret_post"`)},
		{"dpop_bound_access_tokens", registry.CodeMetadata, with(`"token_endpoint_auth_method":"none"`)},
		{"grant_types", registry.CodeMetadata, with(`"grant_types":["client_credentials"]`)},
		{"response_types", registry.CodeMetadata, with(`"response_types":["token"]`)},
		{"token_endpoint_auth_method", registry.CodeMetadata, with(`"profile":"fapi2"`)},
		{"post_logout_redirect_uris", registry.CodeMetadata, with(`"post_logout_redirect_uris":["http://localhost/out"]`)},
		{"post_logout_redirect_uris", registry.CodeMetadata, with(`"post_logout_redirect_uris":["https://*.example/out"]`)},
		{"backchannel_logout_uri", registry.CodeMetadata, with(`"backchannel_logout_uri":"http://127.0.0.1:5432/"`)},
		{"backchannel_logout_uri", registry.CodeMetadata, with(`"backchannel_logout_uri":"http://[::1]/"`)},
		{"place", registry.CodeMetadata, with(`"place":"City hall"`)},
		{"grant_types", registry.CodeMetadata, with(`"grant_types":["authorization_code","` + registry.GrantDevice + `"]`)},
		{"redirect_uris", registry.CodeRedirect, `{}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["http://a.example/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["http://localhost/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["http://127.0.0.1/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://a.example/cb#x"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://*.example/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://b\u0430nk.example/cb"]}`}, // a page names its host: no letters that pass for others
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://b%D0%B0nk.example/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://a.example\u202e/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://a.example/c b"]}`},
		{"post_logout_redirect_uris", registry.CodeMetadata, with(`"post_logout_redirect_uris":["https://b\u0430nk.example/out"]`)},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://a.example/*"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["https://u:p@a.example/cb"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["javascript:alert(1)"]}`},
		{"redirect_uris", registry.CodeRedirect, `{"redirect_uris":["app://cb"]}`},
		{"metadata", registry.CodeMetadata, `{"client_name":"a","client_name":"b"}`},
		{"metadata", registry.CodeMetadata, `null`},
		{"metadata", registry.CodeMetadata, `7`},
		{"metadata", registry.CodeMetadata, ``},
		{"metadata", registry.CodeMetadata, with(`"x":"` + strings.Repeat("x", 33<<10) + `"`)},
	} {
		t.Run("it refuses "+c.field+" of "+c.body[:min(len(c.body), 90)], func(t *testing.T) {
			_, err := r.Register(t.Context(), token, json.RawMessage(c.body))
			var refusal *registry.MetadataError
			if !errors.As(err, &refusal) || refusal.Field != c.field || refusal.Code() != c.code {
				t.Errorf("%v, want %s %s", err, c.code, c.field)
			}
		})
	}
	t.Run("it says again how logins end, as it was registered", func(t *testing.T) {
		given, err := r.Register(t.Context(), initialToken(t, r, 1), json.RawMessage(with(`"backchannel_logout_uri":"https://a.example/bye","post_logout_redirect_uris":["https://a.example/out"]`)))
		if err != nil {
			t.Fatal(err)
		}
		if m := given.Client.Metadata(); m["backchannel_logout_uri"] != "https://a.example/bye" || len(m["post_logout_redirect_uris"].([]string)) != 1 {
			t.Errorf("%v", m)
		}
	})
	t.Run("it takes an address of keys, for each profile, and says it again", func(t *testing.T) {
		for _, profile := range []string{"", "fapi2", "haip"} {
			given, err := r.Register(t.Context(), initialToken(t, r, 1), json.RawMessage(with(`"jwks_uri":"https://a.example/keys","token_endpoint_auth_method":"private_key_jwt","profile":"`+profile+`"`)))
			if err != nil {
				t.Fatal(err)
			}
			if m := given.Client.Metadata(); m["jwks_uri"] != "https://a.example/keys" || m["jwks"] != nil {
				t.Errorf("%v", m)
			}
		}
	})
	t.Run("it takes one on loop-back in development alone, also from the operator", func(t *testing.T) {
		text := json.RawMessage(`{"client_id":"near","redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"http://127.0.0.1/keys"}`)
		var refusal *registry.MetadataError
		if _, _, err := r.AddClient(t.Context(), text); !errors.As(err, &refusal) || refusal.Field != "jwks_uri" {
			t.Error(err)
		}
		local := &registry.Registry{Store: newStore(t).Registry(), Development: true}
		if c, _, err := local.AddClient(t.Context(), text); err != nil || c.JWKSURI != "http://127.0.0.1/keys" {
			t.Error(err)
		}
	})
	t.Run("it gives no scope that the token does not", func(t *testing.T) {
		given, err := r.Register(t.Context(), token, json.RawMessage(with(`"scope":"openid resident_card admin"`)))
		if err != nil || strings.Join(given.Client.Scopes, " ") != "openid" {
			t.Errorf("%v %v", given.Client.Scopes, err)
		}
	})
	t.Run("it lets a client be on loop-back in development", func(t *testing.T) {
		local := &registry.Registry{Store: newStore(t).Registry(), Development: true}
		if _, err := local.Register(t.Context(), initialToken(t, local, 1), json.RawMessage(`{"redirect_uris":["http://127.0.0.1:8000/cb"]}`)); err != nil {
			t.Error(err)
		}
	})
}

// Each write is broken twice: lost, and kept but called lost.
//
//clause:as RFC 7592: read, replace, end, by its own token
func TestRegistrationFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: "lost", true: "kept although it failed"}[kept]
		open := func(t *testing.T) (*registry.Registry, *faulty) {
			f := &faulty{Store: newStore(t).Registry(), kept: kept}
			return &registry.Registry{Store: f}, f
		}
		t.Run("it tells nobody an initial token that was "+way, func(t *testing.T) {
			r, f := open(t)
			f.broken = true
			if _, _, err := r.NewInitial(t.Context(), registry.InitialOrder{Uses: 1, Life: time.Hour}); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			initialToken(t, r, 1)
		})
		t.Run("it has used up a token, or not, by a registration that was "+way, func(t *testing.T) {
			r, f := open(t)
			token := initialToken(t, r, 1)
			f.broken = true
			if _, err := r.Register(t.Context(), token, site); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if _, err := r.Register(t.Context(), token, site); errors.Is(err, registry.ErrNotAllowed) != kept || !kept && err != nil {
				t.Error(err)
			}
		})
		t.Run("it changes a registration once more after a change that was "+way, func(t *testing.T) {
			r, f := open(t)
			given, err := r.Register(t.Context(), initialToken(t, r, 1), site)
			if err != nil {
				t.Fatal(err)
			}
			change := json.RawMessage(`{"client_id":"` + given.Client.ID + `","client_name":"New","redirect_uris":["https://site.example/cb"]}`)
			f.broken = true
			if _, err := r.Reregister(t.Context(), given.Client.ID, given.Token, change); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if _, err := r.Reregister(t.Context(), given.Client.ID, given.Token, change); err != nil {
				t.Fatal(err)
			}
			if c, err := r.Client(t.Context(), given.Client.ID); err != nil || c.DisplayName("") != "New" || !c.CheckSecret(given.Secret) {
				t.Error(c, err)
			}
		})
		t.Run("it ends a registration whose end was "+way, func(t *testing.T) {
			r, f := open(t)
			given, err := r.Register(t.Context(), initialToken(t, r, 1), site)
			if err != nil {
				t.Fatal(err)
			}
			f.broken = true
			if err := r.Unregister(t.Context(), given.Client.ID, given.Token); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if err := r.Unregister(t.Context(), given.Client.ID, given.Token); errors.Is(err, registry.ErrUnknown) != kept || !kept && err != nil {
				t.Error(err)
			}
			if _, err := r.Client(t.Context(), given.Client.ID); !errors.Is(err, registry.ErrUnknown) {
				t.Error(err)
			}
		})
	}
}

//clause:as RFC 7591: registration by an initial access token, its errors, what strangers may not have
func FuzzDynamicMetadata(f *testing.F) {
	for _, seed := range []string{
		string(site), `{"redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"none","dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true}`,
		`{"agency":"urn:a"}`, `{"AGENCY":"urn:a","redirect_uris":["https://a.example/cb"]}`, `{"redirect_uris":["https://*"]}`, `null`, `{"subject_type":1}`,
	} {
		f.Add(seed)
	}
	store := &kept{}
	r := &registry.Registry{Store: store}
	f.Fuzz(func(t *testing.T, text string) {
		given, err := r.Register(t.Context(), "x", json.RawMessage(text))
		if err != nil {
			var refusal *registry.MetadataError
			if !errors.As(err, &refusal) {
				t.Errorf("%v", err)
			}
			return
		}
		c := given.Client
		if c.Agency != "" || len(c.Roles) > 0 || c.Introspect || !c.Dynamic || !strings.HasPrefix(c.ID, "client-") || len(c.Scopes) > 1 {
			t.Errorf("%s: %+v", text, c)
		}
		for _, uri := range c.RedirectURIs {
			if !strings.HasPrefix(strings.ToLower(uri), "https://") || strings.ContainsAny(uri, "*#") {
				t.Errorf("%s", uri)
			}
		}
		if _, err := json.Marshal(c.Metadata()); err != nil {
			t.Error(err)
		}
	})
}

// kept lets everybody in, for the fuzzer alone, and keeps nothing.
type kept struct{ registry.Store }

func (*kept) Initial(context.Context, string, time.Time) (registry.InitialToken, error) {
	return registry.InitialToken{Uses: 1, Scopes: []string{"openid"}}, nil
}

func (*kept) Register(context.Context, string, time.Time, registry.Registration) error { return nil }
