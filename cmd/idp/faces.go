package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/internal/idp/agency"
	"github.com/govmydata/mydata/internal/idp/approval"
	"github.com/govmydata/mydata/internal/idp/dashboard"
	"github.com/govmydata/mydata/internal/idp/document"
	"github.com/govmydata/mydata/internal/idp/issuance"
	"github.com/govmydata/mydata/internal/idp/offline"
	"github.com/govmydata/mydata/internal/idp/public"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/credential"
)

// faces are the hub's two doors: the public one and the operator's socket.
type faces struct {
	public   http.Handler
	operator http.Handler
	server   *oauth.Server
}

func newFaces(e *engines) (*faces, error) {
	frame := web.New(web.Options{
		Service: "idp", Development: e.config.Development, Logger: e.log, Zone: e.zone, Observe: e.eyes.observe,
		Deadline: e.config.RequestTime, Admit: e.limits.Admit,
	})
	cards, err := newCards(e, frame)
	if err != nil {
		return nil, err
	}
	documents := &document.Documents{People: e.accounts, Catalogue: e.registry.Catalogue}
	server, err := newServer(e, frame, cards, documents)
	if err != nil {
		return nil, err
	}
	cards.Server, e.revoke = server, server.RevokeCitizen

	mux := http.NewServeMux()
	server.Mount(mux)
	frame.Machine("POST /authorize", "/par", "/challenge", "/token", "/introspect", "/revoke", "/userinfo", "/register", "/register/", "/device_authorization", "POST /end_session")
	cards.Mount(mux)
	(&document.Handler{Frame: frame, Server: server, Documents: documents, Logger: e.log}).Mount(mux)
	mountSessions(e, frame, server, mux)
	(&approval.Handler{
		Frame: frame, Server: server, Ledger: e.ledger, Accounts: e.accounts,
		Session: func(r *http.Request) (string, error) {
			s, err := e.session(frame, r)
			return s.Citizen, err
		},
	}).Mount(mux)
	(&agency.Handler{
		Frame: frame, Ledger: e.ledger, Receipts: e.receipts,
		Signals: e.signals, Outbox: e.outbox(), Calls: calls{e.db.OAuth()},
	}).Mount(mux)
	(&dashboard.Handler{
		Frame: frame, Accounts: e.accounts, Ledger: e.ledger, Receipts: e.receipts, Issuer: e.issuer, Offers: cards, Deferrals: e.deferrals,
		Catalogue: e.registry.Catalogue, Hub: e.config.Issuer, Config: credential.ConfigResidentCard, WalletURL: e.config.Wallet, Lost: e.lost,
	}).Mount(mux)
	e.notices(frame).Mount(mux)
	shelf := &public.Handler{Log: e.sequence, Frame: frame, Catalogues: e.registry, Counts: e.tally, Limits: e.limits, HubKeys: e.hubKeys}
	if e.anchors != nil {
		shelf.Anchors = e.anchors
	}
	shelf.Mount(mux)
	(&offline.Handler{Frame: frame, Trust: e.pageTrust}).Mount(mux)
	if e.config.Sandbox {
		if err := mountSandbox(e, frame, mux); err != nil {
			return nil, err
		}
	}
	mountHealth(mux, frame, e.ready, e.late, e.role)
	operator, err := newOperator(e, cards)
	if err != nil {
		return nil, err
	}
	return &faces{public: frame.Handler(mux), operator: operator, server: server}, nil
}

// newCards is the credential issuer's face.
func newCards(e *engines, frame *web.Frame) (*issuance.Handler, error) {
	for _, config := range e.config.Defer {
		if !issuance.Gives(config) {
			return nil, fmt.Errorf("defer: no credential configuration %q", config)
		}
	}
	requestKey, err := issuance.RequestKey(e.ring.Secret("credential-request"))
	if err != nil {
		return nil, err
	}
	return &issuance.Handler{
		URL: e.config.Issuer, Frame: frame, Residents: e.accounts,
		Issuer: e.issuer, Offers: e.offers, Nonces: e.nonces, Clients: e.registry, Logger: e.log, Now: time.Now,
		Limits: e.limits, Document: e.document, Basis: e.accounts.Basis, Deferrals: e.deferrals, Deferred: e.config.Defer,
		RequestKeys: []jose.JSONWebKey{requestKey}, EncryptionRequired: e.config.Encrypt,
	}, nil
}

func newServer(e *engines, frame *web.Frame, cards *issuance.Handler, documents *document.Documents) (*oauth.Server, error) {
	wallets, err := loadWalletTrust(e.config.WalletProviders, e.config.Development)
	if err != nil {
		return nil, err
	}
	transfers := &agency.Transfers{Ledger: e.ledger, People: e.accounts, Proofs: e.sequence, Catalogue: e.registry.Catalogue}
	server, err := oauth.New(oauth.Config{
		Issuer: e.config.Issuer, Clients: e.registry, Store: e.db.OAuth(), Keys: e.ring, Accounts: e.accounts,
		Details:       []oauth.DetailType{transfers, &issuance.Details{URL: e.config.Issuer, Elsewhere: documents}},
		PreAuthorized: cards, Registrar: e.registry, IssuanceScopes: issuance.Scopes(),
		WalletProviders: wallets.Providers, WalletStatus: wallets.Status,
		SessionFrom: func(r *http.Request) (oauth.Session, error) {
			s, err := e.session(frame, r)
			return oauth.Session{ID: s.ID, Citizen: s.Citizen, AuthTime: s.AuthTime, AMR: s.AMR}, err
		},
		Prefer: frame.Prefer, SessionLives: e.accounts.Lives,
		Page: func(w http.ResponseWriter, r *http.Request, status int, err error) {
			text := "web.error.bad_request"
			if status >= http.StatusInternalServerError {
				text = "web.error.internal"
			}
			frame.Fail(w, r, status, text, err)
		},
		Development: e.config.Development, Now: time.Now, Limits: e.limits, Devices: true,
		StatusLists: e.issuer.AggregationURI(),
		Refused:     web.Refused, Logger: slog.New(web.Correlated(e.log.Handler())),
	})
	if err == nil { // the server knows the listed wallets beside the registered clients
		cards.Clients, cards.KeyAttestations = server.Clients, wallets.KeyAttestations
	}
	return server, err
}

// session is the citizen's, by the cookie that login sets.
func (e *engines) session(frame *web.Frame, r *http.Request) (account.Session, error) {
	s, err := e.accounts.Session(r.Context(), frame.Cookie(r, web.SessionCookie))
	if errors.Is(err, account.ErrNotFound) {
		err = oauth.ErrNobody
	}
	return s, err
}

func newOperator(e *engines, cards *issuance.Handler) (http.Handler, error) {
	if err := cards.CheckKeyAttestations(); err != nil { // before anything is served
		return nil, fmt.Errorf("wallet-providers: %w", err)
	}
	frame := web.New(web.Options{Service: "idp", Development: e.config.Development, Logger: e.log, Zone: e.zone, Body: admin.BodyLimit})
	h := &admin.Handler{
		Frame: frame, Accounts: e.accounts, Residents: &e.register, Offers: cards, Issuer: e.issuer,
		Consents: e.ledger, Hub: e.config.Issuer, Now: time.Now,
		Trail:      &trail.Trail{Store: e.db.Trail(), Now: time.Now, Logger: e.log},
		AddClient:  e.registry.AddClient,
		NewInitial: e.registry.NewInitial, Catalogue: e.registry,
		Trust:     e.exportTrust,
		Erasure:   e.erasures(),
		Deaths:    e.deaths(),
		Register:  e.updateRegister,
		Signals:   e.db.Signals(),
		Deferrals: e.deferrals,
	}
	if e.config.Development {
		signers, err := e.ring.OfficerSigners()
		if err != nil {
			return nil, err
		}
		if len(signers) != 2 {
			return nil, errors.New("development needs two officers' keys")
		}
		h.Officers = &[2]crypto.Signer{signers[0], signers[1]}
		h.PublishCatalogue = e.publishCatalogue
	}
	mux := http.NewServeMux()
	h.Mount(mux)
	return frame.Handler(mux), nil
}

// exportTrust gives the trust folder's files to whoever wants to check the hub.
func (e *engines) exportTrust(context.Context) (map[string][]byte, error) {
	now := e.trust.Hub
	now.JWKS = e.ring.JWKS()
	hub, err := now.Canonical()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		consent.HubFile: append(hub, '\n'), consent.AgencyCAFile: e.trust.AgencyCA,
		consent.IssuerCAFile: e.trust.IssuerCA, consent.LogPolicyFile: e.trust.LogPolicy,
	}, nil
}

func pemCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
