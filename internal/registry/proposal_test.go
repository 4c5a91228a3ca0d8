package registry_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/pkg/catalogue"
)

func publisher(t *testing.T, ring *keys.Ring, roots *x509.CertPool) registry.Publisher {
	t.Helper()
	officers, err := ring.Officers()
	if err != nil {
		t.Fatal(err)
	}
	return registry.Publisher{Key: func() (crypto.Signer, string) { signer, kid, _ := ring.Signer(keys.Record); return signer, kid }, HubKeys: ring.JWKS(), AgencyRoots: roots, Officers: officers}
}

// drafted is a catalogue on its way, as an officer's tool has it.
type drafted struct {
	id             string
	next, inForce  *catalogue.Catalogue
	at             time.Time
	life           time.Duration
	insteadOfThese crypto.Signer
}

func proposal(t *testing.T, r *registry.Registry, c catalogue.Catalogue) ([]byte, drafted) {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := c.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return raw, drafted{id: digest, next: &c, inForce: r.Catalogue(), at: time.Now(), life: time.Hour}
}

func (d drafted) sign(t *testing.T, ring *keys.Ring, officer int, decision string) string {
	t.Helper()
	signers, err := ring.OfficerSigners()
	if err != nil {
		t.Fatal(err)
	}
	signer := signers[officer]
	if d.insteadOfThese != nil {
		signer = d.insteadOfThese
	}
	what, err := catalogue.Decide(decision, d.next, d.inForce, d.at, d.life)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := catalogue.SignDecision(what, signer)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func approvals(t *testing.T, ring *keys.Ring, r *registry.Registry, c catalogue.Catalogue) []string {
	t.Helper()
	_, d := proposal(t, r, c)
	return []string{d.sign(t, ring, 0, catalogue.Approve), d.sign(t, ring, 1, catalogue.Approve)}
}

func purpose(code string) catalogue.Catalogue {
	return catalogue.Catalogue{Version: 1, Agencies: []catalogue.Agency{}, DataSets: []catalogue.DataSet{}, Purposes: []catalogue.Purpose{{
		Code: code, Text: catalogue.Text{"en": "Why", "ko": "까닭"}, MaxUses: 1, MaxDays: 1, DataSets: []string{},
	}}}
}

// desk is a registry over a file, which another hand can reach too.
type desk struct {
	*registry.Registry
	ring  *keys.Ring
	clock time.Time
	path  string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	if err := keys.Generate(dir, keys.Options{Issuer: "http://localhost", LogOrigin: "test"}); err != nil {
		t.Fatal(err)
	}
	d := &desk{clock: time.Now(), path: filepath.Join(dir, "r.db")}
	var err error
	if d.ring, err = keys.Load(dir); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), "sqlite:"+d.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Registry = &registry.Registry{
		Store: db.Registry(), Publisher: publisher(t, d.ring, x509.NewCertPool()), Now: func() time.Time { return d.clock },
	}
	return d
}

func (d *desk) proposed(t *testing.T, c catalogue.Catalogue) drafted {
	t.Helper()
	raw, draft := proposal(t, d.Registry, c)
	p, err := d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))
	if err != nil || p.State != registry.Open || p.ID != draft.id {
		t.Fatalf("%+v %v", p, err)
	}
	return draft
}

func TestFourEyes(t *testing.T) {
	refused := func(t *testing.T, err error, want ...error) {
		t.Helper()
		for _, w := range want {
			if !errors.Is(err, w) {
				t.Errorf("%v, not %v", err, w)
			}
		}
	}
	t.Run("it publishes what one proposes and another approves", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		_, err := d.PublishProposal(t.Context(), draft.id)
		refused(t, err, registry.ErrDecided)
		if p, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 1, catalogue.Approve)); err != nil || p.State != registry.Ready {
			t.Fatal(p, err)
		}
		if v, err := d.PublishProposal(t.Context(), draft.id); err != nil || v != 1 || d.Catalogue().Purposes[0].Code != "p" {
			t.Fatal(v, err)
		}
		jws, signatures, err := d.CatalogueAt(t.Context(), 1)
		if err != nil || jws != d.CatalogueJWS() {
			t.Fatal(err)
		}
		if following, err := catalogue.Approved(d.Catalogue(), signatures, d.Publisher.Officers); err != nil || following != "" {
			t.Error(following, err)
		}
		if p, err := d.Proposal(t.Context(), draft.id); err != nil || p.State != registry.Published {
			t.Error(p.State, err)
		}
		next := purpose("q")
		next.Version = 2
		second := d.proposed(t, next)
		if _, err := d.Decide(t.Context(), second.id, second.sign(t, d.ring, 1, catalogue.Approve)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.PublishProposal(t.Context(), second.id); err != nil || d.Catalogue().Version != 2 {
			t.Error(err)
		}
		if all, err := d.ListProposals(t.Context()); err != nil || len(all) != 2 || all[0].Version != 2 || all[0].Catalogue != nil {
			t.Error(all, err)
		}
	})
	t.Run("it refuses the same officer twice", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		_, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 0, catalogue.Approve))
		refused(t, err, registry.ErrApproval, catalogue.ErrSamePair)
		one := draft.sign(t, d.ring, 0, catalogue.Approve)
		refused(t, d.PublishCatalogue(t.Context(), *draft.next, one, draft.sign(t, d.ring, 0, catalogue.Approve)), catalogue.ErrSamePair)
		refused(t, d.PublishCatalogue(t.Context(), *draft.next, one), registry.ErrApproval, catalogue.ErrTooFew)
		refused(t, d.PublishCatalogue(t.Context(), *draft.next), catalogue.ErrTooFew)
	})
	t.Run("it refuses who is no officer", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		draft.insteadOfThese, _, _ = d.ring.Signer(keys.Record)
		_, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 1, catalogue.Approve))
		refused(t, err, registry.ErrApproval, catalogue.ErrOfficer)
	})
	t.Run("it refuses a first signature that is a no", func(t *testing.T) {
		d := newDesk(t)
		raw, draft := proposal(t, d.Registry, purpose("p"))
		_, err := d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Reject))
		refused(t, err, registry.ErrApproval)
	})
	t.Run("it voids approvals by one byte", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		if _, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 1, catalogue.Approve)); err != nil {
			t.Fatal(err)
		}
		raw, err := sql.Open("sqlite", d.path) // whoever can write the database
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		changed := strings.Replace(string(mustJSON(t, draft.next)), `"max_days":1`, `"max_days":9`, 1)
		if _, err := raw.ExecContext(t.Context(), `UPDATE registry_proposals SET content = $1`, []byte(changed)); err != nil {
			t.Fatal(err)
		}
		_, err = d.PublishProposal(t.Context(), draft.id)
		refused(t, err, registry.ErrApproval, catalogue.ErrOther)
		other := *draft.next
		other.Purposes = purpose("other").Purposes
		refused(t, d.PublishCatalogue(t.Context(), other, draft.sign(t, d.ring, 0, catalogue.Approve), draft.sign(t, d.ring, 1, catalogue.Approve)), catalogue.ErrOther)
		if d.Catalogue() != nil {
			t.Error("published")
		}
	})
	t.Run("it refuses a signature that is for another", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		_, other := proposal(t, d.Registry, purpose("other"))
		_, err := d.Decide(t.Context(), draft.id, other.sign(t, d.ring, 1, catalogue.Approve))
		refused(t, err, registry.ErrApproval, catalogue.ErrOther)
	})
	t.Run("it keeps a no for good", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		if p, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 0, catalogue.Reject)); err != nil || p.State != registry.Rejected {
			t.Fatal(p, err)
		}
		_, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 1, catalogue.Approve))
		refused(t, err, registry.ErrDecided)
		_, err = d.PublishProposal(t.Context(), draft.id)
		refused(t, err, registry.ErrDecided)
		raw, _ := proposal(t, d.Registry, purpose("p"))
		_, err = d.Propose(t.Context(), raw, draft.sign(t, d.ring, 1, catalogue.Approve))
		refused(t, err, registry.ErrDecided)
	})
	t.Run("it lets proposals and approvals expire", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		ready := d.proposed(t, purpose("q"))
		if _, err := d.Decide(t.Context(), ready.id, ready.sign(t, d.ring, 1, catalogue.Approve)); err != nil {
			t.Fatal(err)
		}
		d.clock = d.clock.Add(time.Hour + time.Minute)
		_, err := d.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 1, catalogue.Approve))
		refused(t, err, registry.ErrDecided)
		_, err = d.PublishProposal(t.Context(), ready.id)
		refused(t, err, registry.ErrDecided)
		if p, err := d.Proposal(t.Context(), ready.id); err != nil || p.State != registry.Expired {
			t.Error(p.State, err)
		}
	})
	t.Run("it refuses an approval that lapsed though the proposal did not", func(t *testing.T) {
		d := newDesk(t)
		draft := d.proposed(t, purpose("p"))
		short := draft
		short.life = time.Minute
		if _, err := d.Decide(t.Context(), draft.id, short.sign(t, d.ring, 1, catalogue.Approve)); err != nil {
			t.Fatal(err)
		}
		d.clock = d.clock.Add(2 * time.Minute)
		_, err := d.PublishProposal(t.Context(), draft.id)
		refused(t, err, registry.ErrApproval, catalogue.ErrNoTime)
	})
	t.Run("it refuses what is signed for another time", func(t *testing.T) {
		d := newDesk(t)
		for _, change := range []func(*drafted){
			func(x *drafted) { x.at = x.at.Add(10 * time.Minute) },
			func(x *drafted) { x.at = x.at.Add(-2 * time.Hour) },
			func(x *drafted) { x.life = catalogue.MaxDecisionLife + time.Hour },
		} {
			raw, draft := proposal(t, d.Registry, purpose("p"))
			change(&draft)
			_, err := d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))
			refused(t, err, registry.ErrApproval, catalogue.ErrNoTime)
		}
	})
	t.Run("it refuses what does not follow, or changes nothing, or does not hold together", func(t *testing.T) {
		d := newDesk(t)
		late := purpose("late")
		late.Version = 2
		raw, draft := proposal(t, d.Registry, late)
		_, err := d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))
		refused(t, err, registry.ErrStale)
		first, other := d.proposed(t, purpose("p")), d.proposed(t, purpose("other"))
		for _, each := range []drafted{first, other} {
			if _, err := d.Decide(t.Context(), each.id, each.sign(t, d.ring, 1, catalogue.Approve)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.PublishProposal(t.Context(), first.id); err != nil {
			t.Fatal(err)
		}
		_, err = d.PublishProposal(t.Context(), other.id)
		refused(t, err, registry.ErrStale)
		same := purpose("p")
		same.Version = 2
		raw, draft = proposal(t, d.Registry, same)
		_, err = d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))
		refused(t, err, registry.ErrNothing)
		broken := purpose("Broken code")
		broken.Version = 2
		raw, draft = proposal(t, d.Registry, broken)
		_, err = d.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))
		refused(t, err, registry.ErrRefused)
		_, err = d.Propose(t.Context(), []byte(`{"version":2,"surprise":1}`), draft.sign(t, d.ring, 0, catalogue.Approve))
		refused(t, err, registry.ErrRefused)
		_, err = d.Decide(t.Context(), "nothing", "")
		refused(t, err, registry.ErrNoProposal)
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unread is a store whose catalogue in force cannot be read.
type unread struct{ registry.Store }

func (unread) Catalogue(context.Context) (int64, string, error) { return 0, "", errDisk }

func then[T any](_ T, err error) error { return err }

func TestReplicas(t *testing.T) {
	d := newDesk(t)
	other := &registry.Registry{Store: d.Store, Publisher: d.Publisher, Now: d.Now}
	first := purpose("p")
	if err := d.PublishCatalogue(t.Context(), first, approvals(t, d.ring, d.Registry, first)...); err != nil {
		t.Fatal(err)
	}
	t.Run("it proposes after what another replica published", func(t *testing.T) {
		second := purpose("q")
		second.Version = 2
		raw, draft := proposal(t, d.Registry, second)
		if _, err := other.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve)); err != nil || other.Catalogue().Version != 1 {
			t.Fatal(err)
		}
	})
	t.Run("it decides nothing while it cannot read what is in force", func(t *testing.T) {
		second := purpose("r")
		second.Version = 2
		raw, draft := proposal(t, d.Registry, second)
		blind := &registry.Registry{Store: unread{d.Store}, Publisher: d.Publisher, Now: d.Now}
		for what, err := range map[string]error{
			"propose": then(blind.Propose(t.Context(), raw, draft.sign(t, d.ring, 0, catalogue.Approve))),
			"decide":  then(blind.Decide(t.Context(), draft.id, draft.sign(t, d.ring, 1, catalogue.Approve))),
			"publish": then(blind.PublishProposal(t.Context(), draft.id)),
		} {
			if !errors.Is(err, errDisk) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
	t.Run("it takes up what another replica published", func(t *testing.T) {
		follower := &registry.Registry{Store: d.Store, Publisher: d.Publisher, Now: d.Now}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			follower.Follow(ctx, time.Millisecond, func(err error) { t.Error(err) })
		}()
		for deadline := time.Now().Add(10 * time.Second); follower.Catalogue() == nil && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-ended
		if follower.CatalogueJWS() != d.CatalogueJWS() {
			t.Error("it does not")
		}
	})
}
