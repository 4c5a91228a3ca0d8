package credential_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/credential"
)

// holders are n public keys.
func holders(t *testing.T, o *office, n int) []jose.JSONWebKey {
	t.Helper()
	var all []jose.JSONWebKey
	for range n {
		_, key, _ := o.issuer(t, o.rows)
		all = append(all, jose.JSONWebKey{Key: key.Public()})
	}
	return all
}

func TestIssueBatch(t *testing.T) {
	o := newOffice(t)
	issuer, key, order := o.issuer(t, o.rows)
	two := holders(t, o, 2)
	for _, c := range []struct {
		name    string
		holders []jose.JSONWebKey
		says    string
	}{
		{"it refuses no key", nil, "0 keys"},
		{"it refuses too many keys", holders(t, o, credential.MaxBatch+1), "17 keys"},
		{"it refuses one key twice", []jose.JSONWebKey{two[0], two[1], two[0]}, "two copies for one key"},
		{"it refuses a private key", []jose.JSONWebKey{two[0], {Key: key}}, "not a public key"},
		{"it refuses what is no key", []jose.JSONWebKey{{}}, "not a public key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			order.Holders = c.holders
			if _, _, err := issuer.IssueBatch(t.Context(), order); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
	order.Holders = two
	tokens, issued, err := issuer.IssueBatch(t.Context(), order)
	if err != nil || len(tokens) != 2 || len(issued) != 2 || issued[0].Batch() != issued[1].Batch() || issued[0].ID == issued[1].ID {
		t.Fatalf("%+v %v", issued, err)
	}
	batch := issued[0].ID
	for name, err := range map[string]error{
		"it has no copies for another citizen":    func() error { _, err := issuer.Copies(t.Context(), "lee", batch); return err }(),
		"it has no batch by a copy's name":        func() error { _, err := issuer.Copies(t.Context(), "kim", issued[1].ID); return err }(),
		"it hears nothing of another citizen's":   issuer.Notified(t.Context(), "lee", batch, "credential_deleted"),
		"it revokes nothing of another citizen's": issuer.RevokeBatch(t.Context(), "lee", batch),
	} {
		if !errors.Is(err, credential.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.fault.op = "revoke/"
	faulty, _, _ := o.issuer(t, o.fault)
	if err := faulty.RevokeBatch(t.Context(), "kim", batch); !errors.Is(err, errDisk) {
		t.Errorf("a revocation that was lost: %v", err)
	}
	if err := issuer.RevokeBatch(t.Context(), "kim", batch); err != nil {
		t.Error(err)
	}
	deaf, _, _ := o.issuer(t, mute{o.rows})
	if err := deaf.Notified(t.Context(), "kim", batch, "credential_deleted"); !errors.Is(err, errDisk) {
		t.Errorf("a word that was lost: %v", err)
	}
	copies, err := issuer.Copies(t.Context(), "kim", batch)
	if err != nil || len(copies) != 2 || copies[0].ID != batch || copies[0].Status != credential.Revoked || copies[1].Status != credential.Revoked {
		t.Errorf("%+v %v", copies, err)
	}
}

// mute keeps no word of a wallet.
type mute struct{ *store.Credentials }

func (mute) SetAcceptance(context.Context, string, string) error { return errDisk }

// lazy keeps no deferral.
type lazy struct{ *store.Credentials }

func (lazy) AddDeferral(context.Context, credential.Deferral) error { return errDisk }

func TestDeferralsRefuse(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	issuer, _, order := o.issuer(t, o.rows)
	f := &credential.Deferrals{Store: o.rows, Now: func() time.Time { return o.now }}
	begin := func() credential.Deferral {
		order.Holders = holders(t, o, 1)
		d, err := f.Begin(ctx, order, "phone")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	order.Holders = nil
	if _, err := f.Begin(ctx, order, "phone"); err == nil {
		t.Error("it keeps an order for no key")
	}
	order.Holders = holders(t, o, 1)
	if _, err := (&credential.Deferrals{Store: lazy{o.rows}, Now: f.Now}).Begin(ctx, order, "phone"); !errors.Is(err, errDisk) {
		t.Errorf("an order that was lost: %v", err)
	}
	d := begin()
	find := func(citizen, client, id string) error { _, err := f.Find(ctx, citizen, client, id); return err }
	for name, err := range map[string]error{
		"it finds no unknown one":             find("kim", "phone", "x"),
		"it finds nothing of another citizen": find("lee", "phone", d.ID),
		"it finds nothing of another wallet":  find("kim", "tablet", d.ID),
		"it decides on no unknown one":        f.Approve(ctx, "x"),
		"it delivers what waits to nobody":    f.Delivered(ctx, d.ID),
		"it issues nothing that waits":        func() error { order.Deferral = &d; _, _, err := issuer.IssueBatch(ctx, order); return err }(),
	} {
		if !errors.Is(err, credential.ErrDeferral) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := f.Refuse(ctx, d.ID, "mood"); !errors.Is(err, credential.ErrReason) {
		t.Errorf("a reason of no list: %v", err)
	}
	if err := errors.Join(find("kim", "phone", d.ID), f.Approve(ctx, d.ID), f.Approve(ctx, d.ID)); err != nil {
		t.Error(err)
	}
	if err := f.Refuse(ctx, d.ID, "law"); !errors.Is(err, credential.ErrDeferral) {
		t.Errorf("it takes an approval back: %v", err)
	}
	order.Holders = d.Holders
	if _, _, err := issuer.IssueBatch(ctx, order); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Delivered(ctx, d.ID), f.Delivered(ctx, d.ID)); err != nil {
		t.Error(err)
	}
	if err := find("kim", "phone", d.ID); !errors.Is(err, credential.ErrDeferral) {
		t.Errorf("it finds what was delivered: %v", err)
	}
	old := begin()
	o.now = o.now.Add(credential.DeferralLife)
	for name, err := range map[string]error{"found": find("kim", "phone", old.ID), "approved": f.Approve(ctx, old.ID)} {
		if !errors.Is(err, credential.ErrDeferral) {
			t.Errorf("an old one is %s: %v", name, err)
		}
	}
}

// What ten copies cost beside ten raw signatures: records, leaves, salts and digests.
func BenchmarkIssueBatch(b *testing.B) {
	db, err := store.Open(b.Context(), "sqlite::memory:")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	issuer := &credential.Issuer{URL: "https://issuer.example", Store: db.Credentials(), Salts: salts{},
		Key: func() credential.Key { return credential.Key{Signer: key} }, Now: time.Now}
	order := credential.Order{Citizen: "kim", Config: credential.ConfigAgeCard, VCT: "https://issuer.example/types/age-card/1",
		Claims: map[string]any{"age_over_19": true}, Life: time.Hour}
	for range 10 {
		holder, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		order.Holders = append(order.Holders, jose.JSONWebKey{Key: holder.Public()})
	}
	digest, began := make([]byte, 32), time.Now()
	const signatures = 1000
	for range signatures {
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest); err != nil {
			b.Fatal(err)
		}
	}
	floor := time.Since(began) / signatures * time.Duration(len(order.Holders))
	for b.Loop() {
		if _, _, err := issuer.IssueBatch(b.Context(), order); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(floor), "times-the-floor")
}

// What was issued and never fetched is over with its record: no new copies are made
// of one that was revoked, or that the register contradicts.
func TestNothingIsMadeAgainOfWhatIsOver(t *testing.T) {
	for name, over := range map[string]func(issuer *credential.Issuer, order *credential.Order) error{
		"it is revoked": func(issuer *credential.Issuer, _ *credential.Order) error {
			return issuer.RevokeAll(t.Context(), "kim")
		},
		"the register says another": func(_ *credential.Issuer, order *credential.Order) error { order.Basis = "after"; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			issuer, _, order := o.issuer(t, o.rows)
			order.Holders, order.Basis = holders(t, o, 2), "before"
			f := &credential.Deferrals{Store: o.rows, Now: func() time.Time { return o.now }}
			d, err := f.Begin(t.Context(), order, "phone")
			if err := errors.Join(err, f.Approve(t.Context(), d.ID)); err != nil {
				t.Fatal(err)
			}
			order.Deferral = &d
			for range 2 { // the first answer was lost
				if _, _, err := issuer.IssueBatch(t.Context(), order); err != nil {
					t.Fatal(err)
				}
			}
			if err := over(issuer, &order); err != nil {
				t.Fatal(err)
			}
			if tokens, _, err := issuer.IssueBatch(t.Context(), order); !errors.Is(err, credential.ErrDeferral) || tokens != nil {
				t.Errorf("%d tokens, %v", len(tokens), err)
			}
		})
	}
}
