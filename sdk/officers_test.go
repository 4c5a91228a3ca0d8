package sdk

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// approve signs a catalogue as these officers.
func (f *fixture) approve(c *catalogue.Catalogue, by ...crypto.Signer) (signatures []string) {
	f.Helper()
	d, err := catalogue.Decide(catalogue.Approve, c, nil, f.world.Now(), time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	for _, officer := range by {
		signature, err := catalogue.SignDecision(d, officer)
		if err != nil {
			f.Fatal(err)
		}
		signatures = append(signatures, signature)
	}
	return signatures
}

// demanding has provider and consumer know the officers.
func (f *fixture) demanding(officers []jose.JSONWebKey) {
	f.open()
	f.provider.listing.officers, f.consumer.listing.officers = officers, officers
}

//clause:catalogue an agency that knows the officers' keys refuses a catalogue that two of them did not sign
func TestCatalogueOfficers(t *testing.T) {
	ctx := context.Background()
	stranger := consenttest.New().Officers[0]
	for name, c := range map[string]struct {
		signed func(f *fixture) []string
		good   bool
	}{
		"it takes what two officers signed": {func(f *fixture) []string { return f.approve(f.world.Catalogue, f.world.Officers[:2]...) }, true},
		"it refuses what nobody signed":     {func(*fixture) []string { return nil }, false},
		"it refuses one officer":            {func(f *fixture) []string { return f.approve(f.world.Catalogue, f.world.Officers[0]) }, false},
		"it refuses one officer twice": {func(f *fixture) []string {
			return f.approve(f.world.Catalogue, f.world.Officers[0], f.world.Officers[0])
		}, false},
		"it refuses another's officer": {func(f *fixture) []string { return f.approve(f.world.Catalogue, f.world.Officers[0], stranger) }, false},
		"it refuses signatures of another catalogue": {func(f *fixture) []string {
			other := *f.world.Catalogue
			other.Purposes = append([]catalogue.Purpose{}, other.Purposes...)
			other.Purposes[0].MaxDays--
			return f.approve(&other, f.world.Officers[:2]...)
		}, false},
		"it refuses signatures of another version": {func(f *fixture) []string {
			other := *f.world.Catalogue
			other.Version++
			return f.approve(&other, f.world.Officers[:2]...)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			call := f.call() // with a token that is good, for a provider that never saw the catalogue
			f.hub.officers = c.signed(f)
			f.demanding(f.world.Trust.Officers)
			_, err := f.consumer.Catalogue(ctx)
			status, no, _ := call.send()
			if c.good {
				if err != nil || status != http.StatusOK {
					t.Errorf("%v; %d %+v", err, status, no)
				}
				return
			}
			var refused *Error
			if !errors.As(err, &refused) || refused.Check != CheckOfficers || refused.Mender != "hub" || refused.Cause == "" {
				t.Errorf("the consumer: %v", err)
			}
			if status == http.StatusOK || no.Check != CheckOfficers || len(f.observed) != 0 {
				t.Errorf("the provider: %d %+v", status, no)
			}
		})
	}
	t.Run("it asks for none where no officer is known", func(t *testing.T) {
		f := newFixture(t)
		if _, err := f.consumer.Catalogue(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("it hands the configured keys on", func(t *testing.T) {
		f := newFixture(t)
		c := f.consumer.config
		c.CatalogueOfficers = f.world.Trust.Officers
		made, err := NewConsumer(c)
		if err != nil || len(made.listing.officers) != 2 {
			t.Fatal(err)
		}
		made.Close()
		p := f.provider.config
		p.CatalogueOfficers = f.world.Trust.Officers
		provider, err := NewProvider(p)
		if err != nil || len(provider.listing.officers) != 2 {
			t.Fatal(err)
		}
		provider.Close()
	})
}
