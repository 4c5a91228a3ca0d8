package sdk

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// IssuedDocument is one document, by names, with all copies of it that a wallet
// fetched together. Journal kind "document", key its id.
type IssuedDocument struct {
	ID     string   `json:"id"`
	Config string   `json:"config"`
	Sub    string   `json:"sub"` // the person's pseudonym here
	Client string   `json:"client,omitempty"`
	Claims []string `json:"claims"`
	DocumentCopy
	More    []DocumentCopy `json:"more,omitempty"` // further copies
	At      time.Time      `json:"at"`
	Expires time.Time      `json:"expires"`
	// Suspended and Revoked are as of when it was listed.
	Suspended bool `json:"-"`
	Revoked   bool `json:"-"`
	// Acceptance is what the wallet said last: credential_accepted, credential_failure
	// or credential_deleted (OpenID4VCI 1.0, 11); "" when it said nothing.
	Acceptance string `json:"-"`
}

// DocumentCopy is what one copy has for itself alone.
type DocumentCopy struct {
	Holder string `json:"holder"` // thumbprint of the wallet's key
	List   int    `json:"list"`
	Index  int64  `json:"index"`
}

func (d IssuedDocument) copies() []DocumentCopy {
	return append([]DocumentCopy{d.DocumentCopy}, d.More...)
}

const (
	defaultBatch = 10
	documentLife = 365 * 24 * time.Hour
	// hourly is how many documents a person gets in an hour, each with its copies: what
	// one takes of the journal and of the status lists is never given back.
	hourly = 30
)

// reservedClaims are a document's frame (SD-JWT VC, 3.2.2.2).
var reservedClaims = map[string]bool{"iss": true, "iat": true, "nbf": true, "exp": true, "cnf": true, "vct": true,
	"vct#integrity": true, "status": true, "_sd": true, "_sd_alg": true, "...": true}

// issue checks the wallet's proofs, asks the agency, and signs. The document is
// in the journal before it is sent.
func (i *Issuer) issue(ctx context.Context, t issuanceToken, request openid4vci.CredentialRequest) (openid4vci.CredentialResponse, error) {
	var none openid4vci.CredentialResponse
	keys, err := openid4vci.VerifyProofs(ctx, request.Proofs, openid4vci.ProofPolicy{
		Issuer: i.config.URL, ClientID: t.Client, Batch: i.config.Batch, Now: i.config.Now, Nonce: func(ctx context.Context, nonce string) error {
			err := i.nonces.Spend(ctx, nonce)
			if errors.Is(err, credential.ErrNonce) {
				return openid4vci.ErrNonce
			}
			return err
		}})
	if err != nil {
		return none, err
	}
	record, err := i.load(ctx, t)
	if errors.Is(err, ErrLater) {
		return i.deferIt(ctx, t, keys)
	}
	if err != nil {
		return none, err
	}
	return i.give(ctx, rand.Text(), t, record, keys)
}

// load asks the agency what the document says.
func (i *Issuer) load(ctx context.Context, t issuanceToken) (Record, error) {
	record, err := found(ctx, i.config.Documents[t.Detail.CredentialConfigurationID].Load, t.Who)
	err = loading(err)
	switch {
	case errors.Is(err, ErrNoMatch):
		return nil, &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "record", Description: ErrNoMatch.Error()}
	case errors.Is(err, ErrSeveral):
		return nil, &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "record", Description: ErrSeveral.Error()}
	case err != nil:
		return nil, err
	case len(record) == 0:
		return nil, errors.New("load record: Load answered neither a record nor an error")
	}
	return record, nil
}

// give keeps a document under that id, and signs a copy for each key. One that is
// kept already is signed again: its wallet did not hear the answer.
func (i *Issuer) give(ctx context.Context, id string, t issuanceToken, record Record, keys []jose.JSONWebKey) (openid4vci.CredentialResponse, error) {
	var answer openid4vci.CredentialResponse
	d, err := kept[IssuedDocument](ctx, i.config.Journal, "document", id)
	if errors.Is(err, ErrAbsent) {
		d, err = i.keepDocument(ctx, id, t, record, keys)
	}
	if err != nil {
		return answer, fmt.Errorf("keep document: %w", err)
	}
	answer.NotificationID = d.ID
	for n, c := range d.copies() {
		token, err := i.sign(d, c, record, keys[n])
		if err != nil {
			return openid4vci.CredentialResponse{}, err
		}
		answer.Credentials = append(answer.Credentials, openid4vci.IssuedCredential{Credential: token})
	}
	return answer, nil
}

// keepDocument tells its times to the hour, so that they connect the copies to
// nothing, and gives each copy a place of its own in the status lists.
func (i *Issuer) keepDocument(ctx context.Context, id string, t issuanceToken, record Record, keys []jose.JSONWebKey) (IssuedDocument, error) {
	config := t.Detail.CredentialConfigurationID
	document := i.config.Documents[config]
	life := document.Life
	if life == 0 {
		life = documentLife
	}
	now := i.config.Now().UTC().Truncate(time.Second)
	defer i.counting.lock(t.Who.Sub)()
	if err := i.enough(ctx, t.Who.Sub, now); err != nil {
		return IssuedDocument{}, err
	}
	d := IssuedDocument{ID: id, Config: config, Sub: t.Who.Sub, Client: t.Client, At: now, Expires: now.Truncate(time.Hour).Add(life)}
	for _, name := range document.Claims {
		if _, ok := record[name]; ok {
			d.Claims = append(d.Claims, name)
		}
	}
	for n, key := range keys {
		holder, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return d, err
		}
		c := DocumentCopy{Holder: base64.RawURLEncoding.EncodeToString(holder)}
		if c.List, c.Index, err = i.place(ctx, id); err != nil {
			return d, fmt.Errorf("status: %w", err)
		}
		if n == 0 {
			d.DocumentCopy = c
		} else {
			d.More = append(d.More, c)
		}
	}
	e, err := entry("document", id, d, time.Time{})
	if err != nil {
		return d, err
	}
	if err := i.config.Journal.Create(ctx, e); errors.Is(err, ErrExists) {
		return kept[IssuedDocument](ctx, i.config.Journal, "document", id) // of a request at the same time
	} else if err != nil {
		return d, err
	}
	i.config.Logger.InfoContext(ctx, "issued", "document", id, "config", config, "client", t.Client, "copies", len(keys))
	if i.config.Issued != nil {
		i.config.Issued(d)
	}
	return d, nil
}

// enough refuses a person who got so many documents in the last hour.
func (i *Issuer) enough(ctx context.Context, sub string, now time.Time) error {
	all, err := i.Documents(ctx, sub)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(d IssuedDocument) bool { return now.Sub(d.At) >= time.Hour })
	if len(all) < hourly {
		return nil
	}
	return &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "hourly", Description: "this person got many documents in the last hour: ask later"}
}

func (i *Issuer) sign(d IssuedDocument, c DocumentCopy, record Record, holder jose.JSONWebKey) (string, error) {
	payload := map[string]any{}
	for _, name := range d.Claims {
		if value, ok := record[name]; ok {
			payload[name] = sdjwt.Hidden{Value: value}
		}
	}
	payload["iss"], payload["vct"] = i.config.URL, i.config.Documents[d.Config].Type
	if integrity := i.integrity(i.config.Documents[d.Config].Type); integrity != "" {
		payload["vct#integrity"] = integrity
	}
	payload["iat"], payload["exp"] = d.At.Truncate(time.Hour).Unix(), d.Expires.Unix()
	payload["cnf"] = map[string]any{"jwk": holder}
	payload["status"] = map[string]any{"status_list": map[string]any{"uri": i.listURI(c.List), "idx": c.Index}}
	token, err := sdjwt.Issue(sdjwt.Key{Signer: i.config.Signer, X5C: i.config.Chain}, payload)
	if err != nil {
		return "", fmt.Errorf("sign document: %w", err)
	}
	return token, nil
}
