package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/tally"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// engines are the hub without its faces: every rule, no page.
type engines struct {
	config   config
	data     string
	log      *slog.Logger
	eyes     eyes
	zone     *time.Location
	ring     *keys.Ring
	document []byte // the DID document, as it is on the log
	trust    consent.TrustFiles
	db       *store.DB
	register account.LiveRegister
	accounts *account.Accounts
	registry *registry.Registry
	tally    *tally.Counter

	certificates termCache
	ledger       *consent.Ledger
	receipts     receipt.Assembler
	issuer       *credential.Issuer
	offers       *credential.Offers
	nonces       *credential.Nonces
	deferrals    *credential.Deferrals
	sequence     *sequencer.Log
	signals      *notify.Notifier
	anchors      *anchor.Book // nil: proofs of anchors are not taken
	messages     *notify.Messages

	limits      *limit.Limits
	connections *limit.Connections
	clock       *clock
	officers    []jose.JSONWebKey // who may order and approve
	former      []jose.JSONWebKey // whose orders and approvals stand, and who may not any more

	// revoke ends the tokens of a citizen; the authorization server's, set
	// when the faces are made.
	revoke func(ctx context.Context, citizen string) error
	// ended has clients told whose sessions ended with a passkey; set likewise.
	ended func(ctx context.Context, citizen string) error
}

func newEngines(ctx context.Context, c config, data string, log *slog.Logger) (e *engines, err error) {
	e = &engines{config: c, data: data, log: log}
	if e.zone, err = time.LoadLocation(c.Zone); err != nil {
		return nil, fmt.Errorf("time-zone: %w", err)
	}
	if e.ring, err = keys.Load(data); err != nil {
		return nil, fmt.Errorf("%w; idp keygen makes what is missing", err)
	}
	if _, _, chain := e.ring.Signer(keys.Issuer); !keys.Names(chain, c.Issuer) {
		return nil, fmt.Errorf("the issuer's certificate is for another address than %s: run idp keygen --issuer %s", c.Issuer, c.Issuer)
	}
	if key, _ := e.ring.IDTokenSigner(time.Now()); key == nil {
		log.WarnContext(ctx, "no key for RS256, which ordinary OpenID Connect clients expect: run idp keygen, copy keys/ to each replica, and start each anew")
	}
	if err := e.loadTrust(); err != nil {
		return nil, err
	}
	register, err := openRegister(c.Register)
	if err != nil {
		return nil, err
	}
	e.register.Replace(register)
	if e.eyes.Eyes, err = c.Open(ctx, "mydata-idp", log); err != nil {
		return nil, err
	}
	if e.db, err = openDatabase(ctx, c.Database); err != nil {
		return nil, err
	}
	if err := e.build(ctx); err != nil {
		return nil, errors.Join(err, e.db.Close())
	}
	return e, nil
}

// loadTrust gathers what the hub itself believes, which is also what it exports.
func (e *engines) loadTrust() error {
	var err error
	if e.officers, err = e.ring.Officers(); err != nil {
		return err
	}
	if e.former, err = e.ring.FormerOfficers(); err != nil {
		return err
	}
	for _, former := range e.former {
		if slices.ContainsFunc(e.officers, func(now jose.JSONWebKey) bool { return now.KeyID == former.KeyID }) {
			return fmt.Errorf("officers: %s is an officer and a former one: keep one of the two files", former.KeyID)
		}
	}
	issuer, err := url.Parse(e.config.Issuer)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	e.trust.Hub = consent.HubTrust{
		Issuer: e.config.Issuer, JWKS: e.ring.JWKS(),
		RP: approval.RelyingParty{ID: issuer.Hostname(), Origin: e.config.Issuer},
	}
	e.trust.Hub.Officers.Keys = slices.Concat(e.officers, e.former)
	e.trust.IssuerCA = pemCertificate(e.ring.CA())
	if e.trust.AgencyCA, err = os.ReadFile(e.config.AgencyCA); err != nil {
		return fmt.Errorf("--agency-ca: %w", err)
	}
	if e.trust.LogPolicy, err = os.ReadFile(e.config.LogPolicy); err != nil {
		return fmt.Errorf("--log-policy: %w", err)
	}
	return nil
}

func openRegister(path string) (*account.FileRegister, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	defer file.Close()
	register, err := account.ReadRegister(file)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", path, err)
	}
	return register, nil
}

// openDatabase takes hold of the database and refuses one of another version.
func openDatabase(ctx context.Context, dsn string) (*store.DB, error) {
	db, err := store.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	if err := db.Hold(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	pending, err := db.Pending(ctx)
	if err == nil && pending {
		err = errors.New("the database lacks tables of this version: run idp migrate first")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (e *engines) build(ctx context.Context) (err error) {
	if e.limits, e.connections, err = e.config.Limits(e.db.Limits()); err != nil {
		return err
	}
	e.clock = newClock(machineClock())
	trust, err := e.trust.Trust()
	if err != nil {
		return fmt.Errorf("--agency-ca %s, --log-policy %s: %w", e.config.AgencyCA, e.config.LogPolicy, err)
	}
	if err := e.buildPeople(trust); err != nil {
		return err
	}
	if err := e.buildRegistry(ctx, trust); err != nil {
		return err
	}
	e.buildLedger(trust)
	if err := e.buildSignals(); err != nil {
		return err
	}
	e.buildIssuer()
	if err := e.buildLog(trust.Log); err != nil {
		return err
	}
	return e.sayKeys(ctx)
}

func (e *engines) buildPeople(trust consent.Trust) (err error) {
	e.accounts, err = account.New(account.Options{
		Store: countedAccounts{e.db.Accounts(), e.eyes}, Register: &e.register, RP: trust.RP, Officers: trust.Officers, Former: e.former,
		PairwiseSecret: e.ring.Secret("pairwise"), Now: time.Now, Replaced: e.replaced, Ended: e.passkeyEnded,
		Development: e.config.Development,
	})
	return err
}

// replaced ends what a lost phone could still do.
func (e *engines) replaced(ctx context.Context, citizen string) error {
	return errors.Join(
		e.offers.End(ctx, citizen), // first of all, so that nothing new comes of them
		e.deferrals.End(ctx, citizen),
		e.revoke(ctx, citizen),
		e.issuer.RevokeAll(ctx, citizen),
		e.ledger.PauseAll(ctx, citizen, "lost_phone"),
	)
}

// lost ends what could bring new credentials to a lost phone: offers, what waits
// for an operator, and tokens.
func (e *engines) lost(ctx context.Context, citizen string) error {
	return errors.Join(e.offers.End(ctx, citizen), e.deferrals.End(ctx, citizen), e.revoke(ctx, citizen))
}

func (e *engines) buildRegistry(ctx context.Context, trust consent.Trust) error {
	rs256, _ := e.ring.IDTokenSigner(time.Now())
	e.registry = &registry.Registry{
		Store: e.db.Registry(), Now: time.Now, Development: e.config.Development, RS256: rs256 != nil,
		Publisher: registry.Publisher{Key: e.recordKey, HubKeys: trust.HubKeys, AgencyRoots: trust.AgencyRoots, Officers: e.officers},
	}
	e.tally = &tally.Counter{Store: e.db.Tally(), Now: time.Now}
	return e.registry.Load(ctx)
}

// recordKey signs what the hub says to agencies.
func (e *engines) recordKey() (crypto.Signer, string) {
	signer, kid, _ := e.ring.Signer(keys.Record)
	return signer, kid
}

func (e *engines) buildLedger(trust consent.Trust) {
	e.ledger = &consent.Ledger{
		Store: waking{countedConsents{e.db.Consents(), e.eyes}, func() { e.signals.Wake() }}, People: e.accounts, Issuer: e.config.Issuer, AgencyRoots: trust.AgencyRoots,
		RP: trust.RP, Officers: trust.Officers, Catalogue: e.registry.Catalogue,
		Key: e.recordKey, Withdrawal: e.config.Issuer + "/me/consents", Now: time.Now, Proof: e.config.KeepProof, Holds: e.db.Erasures(),
	}
}

func (e *engines) buildIssuer() {
	key := func(purpose keys.Purpose) func() credential.Key {
		return func() credential.Key {
			signer, kid, chain := e.ring.Signer(purpose)
			return credential.Key{Signer: signer, KeyID: kid, Chain: chain}
		}
	}
	rows := e.db.Credentials()
	e.issuer = &credential.Issuer{
		URL: e.config.Issuer, Store: countedCredentials{rows, e.eyes}, Salts: e.accounts,
		Key: key(keys.Issuer), StatusKey: key(keys.Status), Now: time.Now,
		Bits: 2, History: e.config.StatusHistory, // two bits: an officer may suspend
	}
	e.offers = &credential.Offers{Store: rows, Secret: e.ring.Secret("offer"), Now: time.Now}
	e.nonces = &credential.Nonces{Store: rows, Secret: e.ring.Secret("nonce"), Now: time.Now}
	e.deferrals = &credential.Deferrals{Store: rows, Now: time.Now}
}

func (e *engines) buildLog(policy tlog.Policy) (err error) {
	if err := checkLogKeys(e.ring.LogKeys(), policy); err != nil {
		return err
	}
	e.sequence, err = sequencer.New(sequencer.Options{
		Storage: e.db.Log(), Signer: e.ring.LogSigners(time.Now())[0], Signers: e.ring.LogSigners, Policy: policy, Now: time.Now, Logger: e.log, Sole: e.db.Held(),
		Asked: e.eyes.asked, Client: &http.Client{Transport: e.eyes.Tracer.Client("ask witness", http.DefaultTransport)},
	})
	if err != nil {
		return err
	}
	e.eyes.watch(e.sequence)
	e.receipts = receipt.Assembler{Ledger: e.ledger, Proofs: e.sequence}
	return e.buildAnchors()
}

// sweep deletes what has expired, every now and then.
func (e *engines) sweep(ctx context.Context, expired ...func(context.Context) error) {
	ticker := time.NewTicker(10 * time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, sweep := range expired {
				sweeping, cancel := context.WithTimeout(ctx, time.Minute)
				err := sweep(sweeping)
				cancel()
				if err != nil {
					e.log.WarnContext(ctx, "sweep", "err", err)
				}
			}
		}
	}
}

// ready is what /readyz asks; the answer names what is missing.
func (e *engines) ready(ctx context.Context) error {
	return errors.Join(e.db.Ready(ctx), e.sequence.Ready(ctx), e.clock.Ready())
}
