package admit

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// Options are what a Bench is made for.
type Options struct {
	Plan   Plan
	URL    string // the agency under test: a provider's release address, a consumer's first page
	Listen string // where the hub listens, on this machine
	Issuer string // the hub as the agency calls it; http://localhost and Listen's port when ""
	// Long also runs what has to wait: ten minutes, mostly.
	Long bool
	// Patience is how long an agency may take to end a connection that never
	// finishes its request: a minute when zero.
	Patience time.Duration
	// ProofTime is how long an agency may take to ask the log for what was
	// promised: 100 seconds when zero, the minute of a promise and some.
	ProofTime time.Duration
	// Pass lets time pass; it sleeps when nil. Who sets it answers for the
	// agency's clock as well.
	Pass func(ctx context.Context, d time.Duration) error
	// Seen hears of each case as it ends.
	Seen func(Result)
}

// Bench is where one agency is tried.
type Bench struct {
	options Options
	plan    Plan
	world   *consenttest.World
	hub     *hub
	server  *http.Server
	client  *http.Client
	people  map[string]*consenttest.Passkey

	mu       sync.Mutex
	offset   time.Duration
	refusals []answer       // every refusal of the agency, for what must hold of all
	pages    []citizen.Page // every page of a consumer
	unproven string         // a promise whose leaf no receipt proved
}

// passkeyAge is how long ago the citizens here got their passkeys: younger ones
// may not approve yet.
const passkeyAge = 100 * time.Hour

// Open makes the world and serves it until Close.
func Open(o Options) (*Bench, error) {
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	if o.ProofTime == 0 {
		o.ProofTime = 100 * time.Second
	}
	if o.Pass == nil {
		o.Pass = func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		}
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen as the hub: %w", err)
	}
	if o.Issuer == "" {
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, err
		}
		o.Issuer = "http://localhost:" + port
	}
	b := &Bench{options: o, plan: o.Plan, people: map[string]*consenttest.Passkey{},
		client: &http.Client{Timeout: 90 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 5 * time.Second}}}
	if err := b.build(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	b.server = &http.Server{Handler: b.hub.routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = b.server.Serve(listener) }() // ends with Close
	return b, nil
}

// Close ends everything.
func (b *Bench) Close() error {
	b.client.CloseIdleConnections()
	return b.server.Close()
}

// Issuer is the hub's.
func (b *Bench) Issuer() string { return b.options.Issuer }

func (b *Bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().UTC().Add(b.offset)
}

func (b *Bench) shift(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offset += d
}

// pass lets time pass for everybody.
func (b *Bench) pass(ctx context.Context, d time.Duration) error { return b.options.Pass(ctx, d) }

// build makes two agencies, a catalogue that lists them, and the citizens.
func (b *Bench) build() error {
	w := consenttest.NewAt(consenttest.Place{Issuer: b.options.Issuer, Clock: b.now})
	w.Provider, w.Consumer = w.Government.Agency(b.plan.Provider), w.Government.Agency(b.plan.Consumer)
	b.world, b.hub = w, newHub(b)
	listed := catalogue.Catalogue{Version: 1, DataSets: []catalogue.DataSet{b.plan.DataSet}, Purposes: []catalogue.Purpose{b.plan.Purpose}}
	for _, a := range []struct {
		consenttest.Agency
		release  string
		resident bool
	}{{w.Provider, b.options.URL, b.plan.Resident}, {w.Consumer, "", false}} {
		one, err := entryOf(a.Agency, a.release, a.resident, b.now())
		if err != nil {
			return err
		}
		listed.Agencies = append(listed.Agencies, one)
	}
	if err := b.list(listed); err != nil {
		return err
	}
	b.shift(-passkeyAge)
	for _, id := range []string{b.plan.People.One.ID, b.plan.People.Other.ID, b.plan.People.Nobody, b.plan.People.Several} {
		if id != "" {
			b.people[id] = w.People.Enrol(id)
		}
	}
	b.shift(passkeyAge)
	return nil
}

func entryOf(a consenttest.Agency, release string, resident bool, now time.Time) (catalogue.Agency, error) {
	entry := catalogue.Entry{Issuer: a.ID, IssuedAt: now.Unix(), Name: catalogue.Text{"en": "Agency " + a.ID, "ko": "기관 " + a.ID},
		Contact: "privacy@agency.example", Release: release, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.EncryptionJWK()}}}
	jws, err := catalogue.SignEntry(entry, a.Key, a.Chain)
	if err != nil {
		return catalogue.Agency{}, err
	}
	return entry.Apply(catalogue.Agency{ID: a.ID, Jurisdiction: "KR", ResidentID: resident}, jws)
}

// list publishes a catalogue as a reader finds it.
func (b *Bench) list(c catalogue.Catalogue) error {
	w := b.world
	jws, err := catalogue.Sign(c, w.Hub, b.kid())
	if err != nil {
		return err
	}
	w.Catalogue, err = catalogue.Open(jws, w.Trust.HubKeys, w.Government.Pool())
	if err != nil {
		return fmt.Errorf("plan: the catalogue of it: %w", err)
	}
	return nil
}

func (b *Bench) kid() string { return b.world.Trust.HubKeys.Keys[0].KeyID }

// serveAsProvider has this process answer releases, where a consumer is tried.
func (b *Bench) serveAsProvider() error {
	c := *b.world.Catalogue
	one, err := entryOf(b.world.Provider, b.options.Issuer+"/release", b.plan.Resident, b.now())
	if err != nil {
		return err
	}
	c.Version, c.Agencies = c.Version+1, []catalogue.Agency{one, c.Agencies[1]}
	return b.list(c)
}

// WriteAgency leaves in dir what the agency under test is started with: trust, a
// trust folder, and identity, its keys and certificate. role is provider or
// consumer. A folder where something else has these names is refused.
func (b *Bench) WriteAgency(dir, role string) error {
	listed, err := json.MarshalIndent(b.world.Catalogue, "", "  ")
	if err != nil {
		return err
	}
	if err := begin(dir, listed); err != nil {
		return err
	}
	if err := consent.WriteTrust(filepath.Join(dir, "trust"), b.world.Files); err != nil {
		return err
	}
	who := b.world.Provider
	if role == "consumer" {
		who = b.world.Consumer
	}
	folder := filepath.Join(dir, "identity")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	var chain []byte
	for _, der := range who.Chain {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(who.Key)
	if err != nil {
		return err
	}
	encryption, err := x509.MarshalPKCS8PrivateKey(who.Encryption)
	if err != nil {
		return err
	}
	for path, text := range map[string][]byte{
		filepath.Join(folder, "chain.pem"):      chain,
		filepath.Join(folder, "key.pem"):        pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		filepath.Join(folder, "encryption.pem"): pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encryption}),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// begin marks a folder as a trial's by its catalogue. Keys and trust of a real agency,
// which have no such file beside them, would be gone for good.
func begin(dir string, listed []byte) error {
	mark := filepath.Join(dir, "catalogue.json")
	if _, err := os.Stat(mark); errors.Is(err, os.ErrNotExist) {
		for _, name := range []string{"trust", "identity"} {
			if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
				return errors.Join(err, fmt.Errorf("%s is there, and not of a trial: choose another folder (--out)", filepath.Join(dir, name)))
			}
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, listed, 0o600)
}

// Wait waits until the agency answers at its address, whatever it answers.
func (b *Bench) Wait(ctx context.Context) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.options.URL, nil)
		if err != nil {
			return err
		}
		res, err := b.client.Do(r)
		if err == nil {
			return res.Body.Close()
		}
		select {
		case <-ctx.Done():
			if why := context.Cause(ctx); !errors.Is(why, ctx.Err()) {
				err = why
			}
			return fmt.Errorf("wait for the agency at %s: %w", b.options.URL, err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// reset ends what a case had the hub do.
func (b *Bench) reset() { b.hub.reset() }

// Advance lets time pass for the hub and the citizens, for who sets Pass.
func (b *Bench) Advance(d time.Duration) { b.shift(d) }
