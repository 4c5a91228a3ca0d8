package registry

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/tlog"
)

// StatementKind is the kind of the log's public entry for a catalogue.
const StatementKind = "catalogue"

// Publisher is what signing and checking a catalogue needs.
type Publisher struct {
	Key         func() (signer crypto.Signer, kid string)
	HubKeys     jose.JSONWebKeySet
	AgencyRoots *x509.CertPool
	Officers    []jose.JSONWebKey // of whom two approve each catalogue
}

// snapshot is the catalogue in force.
type snapshot struct {
	catalogue *catalogue.Catalogue
	jws       string
}

// Catalogue is the catalogue in force, or nil before the first was published.
// It is shared: do not change it.
func (r *Registry) Catalogue() *catalogue.Catalogue {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot.catalogue
}

// CatalogueJWS is the catalogue in force as it is published, or "".
func (r *Registry) CatalogueJWS() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot.jws
}

// PublishCatalogue signs a catalogue and puts it in force: what holds together,
// whose every agency signed its own entry, whose version is above the last, and
// of which two officers approved every byte. The catalogue in force may be
// published again, which changes nothing. Its version and digest become a public
// entry of the log, with the officers' signatures.
func (r *Registry) PublishCatalogue(ctx context.Context, c catalogue.Catalogue, signatures ...string) error {
	if _, err := catalogue.Approved(&c, signatures, r.Publisher.Officers); err != nil {
		return fmt.Errorf("%w: %w", ErrApproval, err)
	}
	jws, opened, err := r.seal(c)
	if err != nil {
		return err
	}
	if err := r.unexpired(c); err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(jws))
	leaf, err := tlog.Statement(StatementKind, map[string]any{
		"version": c.Version, "sha256": base64.RawURLEncoding.EncodeToString(digest[:]), "officers": signatures,
	})
	if err != nil {
		return err
	}
	commit := CatalogueCommit{
		ID: fmt.Sprintf("catalogue/%d", c.Version), Version: c.Version, JWS: jws, Signatures: signatures, Leaves: [][]byte{leaf},
	}
	if commit.Proposal, err = c.Digest(); err != nil {
		return err
	}
	if err := r.Store.PutCatalogue(ctx, commit); err != nil {
		return r.settle(ctx, opened, err)
	}
	r.enforce(snapshot{catalogue: opened, jws: jws})
	return nil
}

// seal signs a catalogue, and reads it as everybody will.
func (r *Registry) seal(c catalogue.Catalogue) (string, *catalogue.Catalogue, error) {
	if err := c.Keeps(r.Catalogue()); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	signer, kid := r.Publisher.Key()
	jws, err := catalogue.Sign(c, signer, kid)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	opened, err := catalogue.Open(jws, r.Publisher.HubKeys, r.Publisher.AgencyRoots)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return jws, opened, nil
}

// sound refuses what could never be published.
func (r *Registry) sound(c catalogue.Catalogue) error {
	if _, _, err := r.seal(c); err != nil {
		return err
	}
	return r.unexpired(c)
}

// unexpired refuses a new entry by a certificate that is not good now. What is in
// force already stays: one agency's lapse does not bar the others' changes.
func (r *Registry) unexpired(c catalogue.Catalogue) error {
	now := r.Catalogue()
	for _, a := range c.Agencies {
		if now != nil {
			if before, known := now.Agency(a.ID); known && before.Entry == a.Entry {
				continue
			}
		}
		if _, err := catalogue.OpenEntry(a.Entry, r.Publisher.AgencyRoots, r.now()); err != nil {
			return fmt.Errorf("%w: agency %q: %w", ErrRefused, a.ID, err)
		}
	}
	return nil
}

// CatalogueAt is a published catalogue by its number, with the officers'
// signatures; ErrUnknown where there is none.
func (r *Registry) CatalogueAt(ctx context.Context, version int64) (jws string, signatures []string, err error) {
	return r.Store.CatalogueAt(ctx, version)
}

// settle is for a write that may have been kept all the same: what the store
// has is in force, and if it is the same catalogue, all is well.
func (r *Registry) settle(ctx context.Context, c *catalogue.Catalogue, failed error) error {
	unread := r.Load(ctx)
	wanted, err1 := json.Marshal(c)
	now, err2 := json.Marshal(r.Catalogue())
	if err := errors.Join(unread, err1, err2); err != nil || !bytes.Equal(now, wanted) {
		return errors.Join(failed, err)
	}
	return nil
}

// Load takes up the newest catalogue of the store; having none is no error.
func (r *Registry) Load(ctx context.Context) error {
	_, jws, err := r.Store.Catalogue(ctx)
	if errors.Is(err, ErrUnknown) || err == nil && jws == r.CatalogueJWS() {
		return nil
	}
	if err != nil {
		return err
	}
	opened, err := catalogue.Open(jws, r.Publisher.HubKeys, r.Publisher.AgencyRoots)
	if err != nil {
		return err
	}
	r.enforce(snapshot{catalogue: opened, jws: jws})
	return nil
}

// enforce puts a catalogue in force, unless a newer one is: a read of the store may
// come late.
func (r *Registry) enforce(s snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.snapshot.catalogue; now == nil || s.catalogue.Version >= now.Version {
		r.snapshot = s
	}
}

// Follow takes up what another replica published, soon after, until ctx ends.
func (r *Registry) Follow(ctx context.Context, every time.Duration, lost func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := r.Load(ctx); err != nil && ctx.Err() == nil {
				lost(err)
			}
		}
	}
}
