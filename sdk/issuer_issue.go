package sdk

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// IssuedDocument is one document, by names. Journal kind "document", key its id.
type IssuedDocument struct {
	ID      string    `json:"id"`
	Config  string    `json:"config"`
	Sub     string    `json:"sub"` // the person's pseudonym here
	Client  string    `json:"client,omitempty"`
	Claims  []string  `json:"claims"`
	Holder  string    `json:"holder"` // thumbprint of the wallet's key
	List    int       `json:"list"`
	Index   int64     `json:"index"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Revoked bool      `json:"-"`
}

const (
	documentLife = 365 * 24 * time.Hour
	// statusSize is the statuses of one list: a herd to hide in.
	statusSize = 1 << 17
	// statusTries is how many places are tried in a list before the next begins.
	statusTries = 24
	maxLists    = 1 << 12
	statusLife  = 15 * time.Minute
)

// reservedClaims are a document's frame (SD-JWT VC, 3.2.2.2).
var reservedClaims = map[string]bool{"iss": true, "iat": true, "nbf": true, "exp": true, "cnf": true, "vct": true,
	"vct#integrity": true, "status": true, "_sd": true, "_sd_alg": true, "...": true}

// issue checks the wallet's proof, asks the agency, and signs. The document is
// in the journal before it is sent.
func (i *Issuer) issue(ctx context.Context, t issuanceToken, request openid4vci.CredentialRequest) (string, error) {
	keys, err := openid4vci.VerifyProofs(ctx, request.Proofs, openid4vci.ProofPolicy{
		Issuer: i.config.URL, ClientID: t.Client, Now: i.config.Now, Nonce: func(ctx context.Context, nonce string) error {
			err := i.nonces.Spend(ctx, nonce)
			if errors.Is(err, credential.ErrNonce) {
				return openid4vci.ErrNonce
			}
			return err
		}})
	if err != nil {
		return "", err
	}
	config := t.Detail.CredentialConfigurationID
	document := i.config.Documents[config]
	record, err := document.Load(ctx, t.Who)
	switch {
	case errors.Is(err, ErrNoMatch):
		return "", &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "record", Description: ErrNoMatch.Error()}
	case errors.Is(err, ErrSeveral):
		return "", &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "record", Description: ErrSeveral.Error()}
	case err != nil:
		return "", fmt.Errorf("load record: %w", err)
	case len(record) == 0:
		return "", errors.New("load record: Load answered neither a record nor an error")
	}
	holder, err := keys[0].Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	life := document.Life
	if life == 0 {
		life = documentLife
	}
	now := i.config.Now().UTC().Truncate(time.Second)
	d := IssuedDocument{ID: rand.Text(), Config: config, Sub: t.Who.Sub, Client: t.Client, Holder: base64.RawURLEncoding.EncodeToString(holder), At: now, Expires: now.Add(life)}
	for _, name := range document.Claims {
		if _, ok := record[name]; ok {
			d.Claims = append(d.Claims, name)
		}
	}
	if d.List, d.Index, err = i.place(ctx, d.ID); err != nil {
		return "", fmt.Errorf("status: %w", err)
	}
	compact, err := i.sign(d, document, record, keys[0])
	if err != nil {
		return "", err
	}
	e, err := entry("document", d.ID, d, time.Time{})
	if err != nil {
		return "", err
	}
	if err := i.config.Journal.Create(ctx, e); err != nil {
		return "", fmt.Errorf("keep document: %w", err)
	}
	i.config.Logger.InfoContext(ctx, "issued", "document", d.ID, "config", config, "client", t.Client)
	if i.config.Issued != nil {
		i.config.Issued(d)
	}
	return compact, nil
}

func (i *Issuer) sign(d IssuedDocument, document Document, record Record, holder jose.JSONWebKey) (string, error) {
	payload := map[string]any{}
	for _, name := range d.Claims {
		payload[name] = sdjwt.Hidden{Value: record[name]}
	}
	payload["iss"], payload["vct"] = i.config.URL, document.Type
	payload["iat"], payload["exp"] = d.At.Truncate(time.Hour).Unix(), d.Expires.Unix() // a coarse time links less
	payload["cnf"] = map[string]any{"jwk": holder}
	payload["status"] = map[string]any{"status_list": map[string]any{"uri": i.listURI(d.List), "idx": d.Index}}
	token, err := sdjwt.Issue(sdjwt.Key{Signer: i.config.Signer, X5C: i.config.Chain}, payload)
	if err != nil {
		return "", fmt.Errorf("sign document: %w", err)
	}
	return token, nil
}

func (i *Issuer) listURI(list int) string { return i.config.URL + "/status/" + strconv.Itoa(list) }

func placeKey(list int, index int64) string { return fmt.Sprintf("%d/%d", list, index) }

// place takes a random free place of a status list, for good: kind "place". A
// list that has become full is followed by another: kind "list".
func (i *Issuer) place(ctx context.Context, document string) (int, int64, error) {
	lists, err := i.config.Journal.List(ctx, "list")
	if err != nil {
		return 0, 0, err
	}
	for list := max(len(lists), 1); list < maxLists; list++ {
		e, err := entry("list", strconv.Itoa(list), i.config.Now(), time.Time{})
		if err != nil {
			return 0, 0, err
		}
		if err := i.config.Journal.Create(ctx, e); err != nil && !errors.Is(err, ErrExists) {
			return 0, 0, err
		}
		for range statusTries {
			index, err := rand.Int(rand.Reader, big.NewInt(statusSize))
			if err != nil {
				return 0, 0, err
			}
			e, err := entry("place", placeKey(list, index.Int64()), document, time.Time{})
			if err != nil {
				return 0, 0, err
			}
			if err = i.config.Journal.Create(ctx, e); err == nil {
				return list, index.Int64(), nil
			} else if !errors.Is(err, ErrExists) {
				return 0, 0, err
			}
		}
	}
	return 0, 0, errors.New("every list is full")
}

// Revoke one document, for good: verifiers see it when they fetch the status
// list next. Revoking twice is no error; ErrAbsent: there is no such document.
func (i *Issuer) Revoke(ctx context.Context, id string) error {
	d, err := kept[IssuedDocument](ctx, i.config.Journal, "document", id)
	if err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	e, err := entry("revoked", placeKey(d.List, d.Index), id, time.Time{})
	if err != nil {
		return err
	}
	if err := i.config.Journal.Create(ctx, e); err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("revoke: %w", err)
	}
	return nil
}

// Documents are those of a person by their pseudonym here, all when it is empty,
// oldest first.
func (i *Issuer) Documents(ctx context.Context, sub string) ([]IssuedDocument, error) {
	all, err := i.config.Journal.List(ctx, "document")
	if err != nil {
		return nil, err
	}
	gone, err := i.config.Journal.List(ctx, "revoked")
	if err != nil {
		return nil, err
	}
	var found []IssuedDocument
	for _, e := range all {
		var d IssuedDocument
		if err := json.Unmarshal(e.Value, &d); err != nil {
			return nil, err
		}
		if sub != "" && d.Sub != sub {
			continue
		}
		key := placeKey(d.List, d.Index)
		d.Revoked = slices.ContainsFunc(gone, func(e Entry) bool { return e.Key == key })
		found = append(found, d)
	}
	return found, nil
}

// signedStatus is a list's token; revocations only ever become more.
type signedStatus struct {
	token   string
	revoked int
	at      time.Time
}

// signedList is the Status List Token of a list as it is now.
func (i *Issuer) signedList(ctx context.Context, name string) (string, error) {
	if _, err := i.config.Journal.Get(ctx, "list", name); err != nil {
		return "", err
	}
	number, err := strconv.Atoi(name)
	if err != nil {
		return "", ErrAbsent
	}
	gone, err := i.config.Journal.List(ctx, "revoked")
	if err != nil {
		return "", err
	}
	now := i.config.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	if last := i.signed[number]; last.token != "" && last.revoked == len(gone) && now.Sub(last.at).Abs() < credential.ListTTL {
		return last.token, nil
	}
	list, err := statuslist.New(1, statusSize)
	if err != nil {
		return "", err
	}
	for _, e := range gone {
		var of int
		var index int
		if _, err := fmt.Sscanf(e.Key, "%d/%d", &of, &index); err != nil {
			return "", fmt.Errorf("revoked %q: %w", e.Key, err)
		}
		if of != number {
			continue
		}
		if err := list.Set(index, statuslist.Invalid); err != nil {
			return "", err
		}
	}
	token, err := statuslist.Sign(statuslist.Key{Signer: i.config.Signer, X5C: i.config.Chain},
		statuslist.Token{URI: i.listURI(number), IssuedAt: now, Expires: now.Add(statusLife), TTL: credential.ListTTL, List: list})
	if err == nil {
		i.signed[number] = signedStatus{token, len(gone), now}
	}
	return token, err
}
