package sdk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const (
	deferredPath = "/deferred_credential"
	// documentPause is how long a wallet should wait before it asks again.
	documentPause = time.Minute
	// maxDeferred is how often one wallet may wait for a person's document: a person
	// may have several phones.
	maxDeferred = 8
)

// WaitingDocument is a document whose Load answered ErrLater, by names. Nothing is
// decided here: when the wallet comes back, Load is asked again.
type WaitingDocument struct {
	Config string
	Sub    string // the person's pseudonym here
	Client string
	Since  time.Time
	Until  time.Time // then it is forgotten
}

// deferredRow waits for its record: kind "deferral", key its transaction_id.
type deferredRow struct {
	Document string            `json:"document"` // the id it will have, so that it is kept once
	Config   string            `json:"config"`
	Sub      string            `json:"sub"`
	Client   string            `json:"client,omitempty"`
	Holders  []jose.JSONWebKey `json:"holders"`
	At       time.Time         `json:"at"`
}

func (d deferredRow) of(t issuanceToken) bool {
	return d.Sub == t.Who.Sub && d.Client == t.Client && d.Config == t.Detail.CredentialConfigurationID
}

func (d deferredRow) until() time.Time { return d.At.Add(credential.DeferralLife) }

// Waiting lists the documents that wait for their record, oldest first.
func (i *Issuer) Waiting(ctx context.Context) ([]WaitingDocument, error) {
	var all []WaitingDocument
	err := i.eachDeferred(ctx, func(_ string, d deferredRow) {
		all = append(all, WaitingDocument{Config: d.Config, Sub: d.Sub, Client: d.Client, Since: d.At, Until: d.until()})
	})
	return all, err
}

func (i *Issuer) eachDeferred(ctx context.Context, visit func(id string, d deferredRow)) error {
	all, err := i.config.Journal.List(ctx, "deferral")
	if err != nil {
		return err
	}
	for _, e := range all {
		var d deferredRow
		if err := json.Unmarshal(e.Value, &d); err != nil {
			return err
		}
		if i.config.Now().Before(d.until()) {
			visit(e.Key, d)
		}
	}
	return nil
}

// deferIt answers a transaction_id (OpenID4VCI 1.0, 8.3). A wallet that did not hear
// it asks anew with the same keys, and gets the same.
func (i *Issuer) deferIt(ctx context.Context, t issuanceToken, keys []jose.JSONWebKey) (openid4vci.CredentialResponse, error) {
	var none openid4vci.CredentialResponse
	defer i.counting.lock(t.Who.Sub)()
	same, others := "", 0
	err := i.eachDeferred(ctx, func(id string, d deferredRow) {
		switch {
		case !d.of(t):
		case slices.EqualFunc(d.Holders, keys, sameKey):
			same = id
		default:
			others++
		}
	})
	if err != nil {
		return none, err
	}
	if same != "" {
		return wait(same), nil
	}
	if others >= maxDeferred {
		return none, &openid4vci.Error{Code: openid4vci.CredentialRequestDenied, Check: "waiting", Description: "this document is waited for too often already"}
	}
	now, id := i.config.Now().UTC().Truncate(time.Second), rand.Text()+rand.Text()
	e, err := entry("deferral", id, deferredRow{Document: rand.Text(), Config: t.Detail.CredentialConfigurationID, Sub: t.Who.Sub, Client: t.Client, Holders: keys, At: now},
		now.Add(credential.DeferralLife))
	if err != nil {
		return none, err
	}
	if err := i.config.Journal.Create(ctx, e); err != nil {
		return none, err
	}
	i.config.Logger.InfoContext(ctx, "document waits for its record", "config", t.Detail.CredentialConfigurationID, "client", t.Client)
	return wait(id), nil
}

// random tells whether an id is so many of rand.Text.
func random(id string, n int) bool {
	return len(id) == n*len(rand.Text()) && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func sameKey(a, b jose.JSONWebKey) bool {
	left, err := a.MarshalJSON()
	right, err2 := b.MarshalJSON()
	return err == nil && err2 == nil && string(left) == string(right)
}

func wait(id string) openid4vci.CredentialResponse {
	return openid4vci.CredentialResponse{TransactionID: id, Interval: int(documentPause / time.Second)}
}

// deferred answers a Deferred Credential Request (OpenID4VCI 1.0, 9), by any token
// for this document that the person gave this wallet: the first may have ended.
func (i *Issuer) deferred(w http.ResponseWriter, r *http.Request) {
	token, err := i.token(r, deferredPath)
	var request openid4vci.DeferredRequest
	if err == nil {
		var body []byte
		if body, err = requestBody(r); err == nil {
			request, err = openid4vci.ParseDeferredRequest(body)
		}
	}
	var answer openid4vci.CredentialResponse
	if err == nil {
		answer, err = i.collected(r.Context(), token, request)
	}
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	answerIssued(w, answer)
	if answer.TransactionID == "" {
		// The last write: until it is done, who lost the answer may ask again, and gets
		// copies of the same document. Who hangs up now does not keep it from being done.
		if err := i.config.Journal.Delete(context.WithoutCancel(r.Context()), "deferral", request.TransactionID); err != nil && !errors.Is(err, ErrAbsent) {
			i.config.Logger.WarnContext(r.Context(), "document delivered, and not noted", "error", err.Error())
		}
	}
}

func (i *Issuer) collected(ctx context.Context, t issuanceToken, request openid4vci.DeferredRequest) (openid4vci.CredentialResponse, error) {
	var none openid4vci.CredentialResponse
	if len(request.CredentialResponseEncryption) > 0 {
		return none, &openid4vci.Error{Code: openid4vci.InvalidEncryptionParameters, Check: "encryption", Description: "this issuer does not encrypt responses"}
	}
	row, err := deferredRow{}, ErrAbsent
	if random(request.TransactionID, 2) { // nothing else goes to the journal
		row, err = kept[deferredRow](ctx, i.config.Journal, "deferral", request.TransactionID)
	}
	if errors.Is(err, ErrAbsent) || err == nil && (!row.of(t) || !i.config.Now().Before(row.until())) {
		return none, &openid4vci.Error{Code: openid4vci.InvalidTransactionID, Check: "transaction_id", Description: "unknown here, or its document was fetched"}
	}
	if err != nil {
		return none, err
	}
	record, err := i.load(ctx, t)
	if errors.Is(err, ErrLater) {
		return wait(request.TransactionID), nil
	}
	if err != nil {
		return none, err
	}
	return i.give(ctx, row.Document, t, record, row.Holders)
}
