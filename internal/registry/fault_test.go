package registry_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
)

var errDisk = errors.New("the disk is gone")

// faulty is a real store whose next write is lost, or kept although it fails.
type faulty struct {
	registry.Store
	broken, kept bool
}

func (f *faulty) do(write func() error) error {
	broken := f.broken
	f.broken = false
	if broken && !f.kept {
		return errDisk
	}
	err := write()
	if broken && err == nil {
		return errDisk
	}
	return err
}

func (f *faulty) AddClient(ctx context.Context, c registry.Client) error {
	return f.do(func() error { return f.Store.AddClient(ctx, c) })
}

func (f *faulty) PutCatalogue(ctx context.Context, c registry.CatalogueCommit) error {
	return f.do(func() error { return f.Store.PutCatalogue(ctx, c) })
}

func (f *faulty) Propose(ctx context.Context, p registry.Proposal) error {
	return f.do(func() error { return f.Store.Propose(ctx, p) })
}

func (f *faulty) Decide(ctx context.Context, id, signature, state string) error {
	return f.do(func() error { return f.Store.Decide(ctx, id, signature, state) })
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	if err := keys.Generate(dir, keys.Options{Issuer: "http://localhost", LogOrigin: "test"}); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: " that was lost", true: " that was kept although it failed"}[kept]
		open := func(t *testing.T) (*registry.Registry, *faulty) {
			f := &faulty{Store: newStore(t).Registry(), broken: true, kept: kept}
			return &registry.Registry{Store: f, Publisher: publisher(t, ring, x509.NewCertPool())}, f
		}
		t.Run("it adds a client once more after one"+way, func(t *testing.T) {
			r, _ := open(t)
			metadata := json.RawMessage(`{"client_id":"w","token_endpoint_auth_method":"none","dpop_bound_access_tokens":true,` +
				`"require_pushed_authorization_requests":true,"redirect_uris":["http://localhost/"]}`)
			if _, _, err := r.AddClient(t.Context(), metadata); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			if _, _, err := r.AddClient(t.Context(), metadata); err != nil {
				t.Fatal(err)
			}
			if c, err := r.Client(t.Context(), "w"); err != nil || c.ID != "w" {
				t.Error(c, err)
			}
		})
		t.Run("it gives nobody's secret to another after a client"+way, func(t *testing.T) {
			r, _ := open(t)
			metadata := json.RawMessage(`{"client_id":"site","redirect_uris":["https://a.example/cb"]}`)
			if _, secret, err := r.AddClient(t.Context(), metadata); !errors.Is(err, errDisk) || secret != "" {
				t.Fatal(secret, err)
			}
			// A secret that nobody was told belongs to an id that is taken.
			if _, _, err := r.AddClient(t.Context(), metadata); errors.Is(err, registry.ErrTaken) != kept {
				t.Error(err)
			}
		})
		t.Run("it has one catalogue in force after one"+way, func(t *testing.T) {
			r, f := open(t)
			c := catalogue.Catalogue{Version: 1}
			err := r.PublishCatalogue(t.Context(), c, approvals(t, ring, r, c)...)
			if kept != (err == nil) {
				t.Fatal(err)
			}
			if err := r.PublishCatalogue(t.Context(), c, approvals(t, ring, r, c)...); err != nil || r.Catalogue().Version != 1 {
				t.Fatal(r.Catalogue(), err)
			}
			stored := &registry.Registry{Store: f.Store, Publisher: r.Publisher}
			if err := stored.Load(t.Context()); err != nil || stored.CatalogueJWS() != r.CatalogueJWS() {
				t.Error("the store has another catalogue than is served:", err)
			}
		})
		t.Run("it proposes and approves once more after a write"+way, func(t *testing.T) {
			r, f := open(t)
			raw, p := proposal(t, r, catalogue.Catalogue{Version: 1})
			if _, err := r.Propose(t.Context(), raw, p.sign(t, ring, 0, catalogue.Approve)); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			first, second := p.sign(t, ring, 0, catalogue.Approve), p.sign(t, ring, 1, catalogue.Approve)
			made, err := r.Propose(t.Context(), raw, first)
			if kept { // the signature that was kept is another than this one
				if !errors.Is(err, registry.ErrDecided) {
					t.Fatal(err)
				}
			} else if err != nil || made.State != registry.Open {
				t.Fatal(made, err)
			}
			f.broken = true
			if _, err := r.Decide(t.Context(), p.id, second); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			_, err = r.Decide(t.Context(), p.id, second)
			if errors.Is(err, registry.ErrDecided) != kept || !kept && err != nil {
				t.Fatal(err)
			}
			if now, err := r.Proposal(t.Context(), p.id); err != nil || now.State != registry.Ready || len(now.Signatures) != 2 {
				t.Error(now, err)
			}
		})
	}
	figure.Hold(t, "faults-registry", 8, "writes of the registry, each lost, and kept but called lost")
}

// late is a store whose answer arrives when something has happened since.
type late struct {
	registry.Store
	meanwhile func()
}

func (l *late) Catalogue(ctx context.Context) (version int64, jws string, err error) {
	version, jws, err = l.Store.Catalogue(ctx)
	if happens := l.meanwhile; happens != nil {
		l.meanwhile = nil
		happens()
	}
	return version, jws, err
}

func (l *late) Client(ctx context.Context, id string) (registry.Client, error) {
	c, err := l.Store.Client(ctx, id)
	if happens := l.meanwhile; happens != nil {
		l.meanwhile = nil
		happens()
	}
	return c, err
}

// What is read of a client while it ends its registration is not kept.
func TestAReadThatComesLateKeepsNoClient(t *testing.T) {
	s := newStore(t).Registry()
	r := &registry.Registry{Store: s}
	initial, _, err := r.NewInitial(t.Context(), registry.InitialOrder{Uses: 1, Life: time.Hour, Scopes: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	given, err := r.Register(t.Context(), initial, json.RawMessage(`{"redirect_uris":["https://a.example/cb"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Store = &late{Store: s, meanwhile: func() {
		if err := r.Unregister(t.Context(), given.Client.ID, given.Token); err != nil {
			t.Error(err)
		}
	}}
	if _, err := r.Client(t.Context(), given.Client.ID); err != nil {
		t.Fatal(err)
	}
	if c, err := r.Client(t.Context(), given.Client.ID); !errors.Is(err, registry.ErrUnknown) {
		t.Errorf("it goes on after its end: %q, %v", c.ID, err)
	}
}

// What is read of the store while a catalogue is published may be the one before.
func TestAReadThatComesLateSetsNoCatalogueBack(t *testing.T) {
	d := newDesk(t)
	publish := func(version int64, code string) {
		t.Helper()
		c := purpose(code)
		c.Version = version
		if err := d.PublishCatalogue(t.Context(), c, approvals(t, d.ring, d.Registry, c)...); err != nil {
			t.Fatal(err)
		}
	}
	publish(1, "p")
	d.Store = &late{Store: d.Store, meanwhile: func() { publish(2, "q") }}
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := d.Catalogue().Version; v != 2 {
		t.Errorf("version %d is in force again", v)
	}
}
