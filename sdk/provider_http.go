package sdk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/jcs"
)

const correlationHeader = "X-Correlation-Id"

// ServeHTTP answers a release (application/json), takes a consumer's
// acknowledgement of one (application/jose, its mydata-received+jwt), after
// which the answer is not sent again, or a citizen's own signed withdrawal
// (application/mydata-withdrawal+json), as Withdrawn does.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	w.Header().Set(correlationHeader, id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		p.refuse(w, r, id, &Error{By: "sdk", Reason: "method", Check: "method", Cause: "POST a release request", Mender: transfer.MenderConsumer, Status: http.StatusMethodNotAllowed})
		return
	}
	raw, err := whole(http.MaxBytesReader(w, r.Body, transfer.MaxReleaseRequest), r.ContentLength)
	if err != nil {
		p.refuse(w, r, id, &Error{By: "sdk", Reason: "malformed", Check: transfer.CheckBody, Cause: "the body cannot be read, or is too large", Mender: transfer.MenderConsumer, Status: http.StatusRequestEntityTooLarge})
		return
	}
	var answer any
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/json":
		answer, err = p.release(r, raw)
	case "application/jose":
		answer, err = struct{}{}, p.acknowledge(r.Context(), string(raw))
	case consent.WithdrawalType:
		answer, err = struct{}{}, p.Withdrawn(r.Context(), raw)
	default:
		err = &Error{By: "sdk", Reason: "malformed", Check: "content type", Cause: "send application/json or application/jose", Mender: transfer.MenderConsumer, Status: http.StatusUnsupportedMediaType}
	}
	if l, ok := errors.AsType[*Later](err); ok {
		promiseLater(w, l)
		return
	}
	var text []byte
	if err == nil {
		text, err = jcs.Marshal(answer)
	}
	if err != nil {
		p.refuse(w, r, id, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// acknowledge takes the consumer's countersignature of a commit.
func (p *Provider) acknowledge(ctx context.Context, received string) error {
	c, err := consent.OpenReceived(strings.TrimSpace(received), p.config.Trust.AgencyRoots)
	if err != nil {
		return refusal("refused", "countersignature", transfer.MenderConsumer, "%v", err)
	}
	defer p.locks.lock(string(c.GrantID))()
	row, err := kept[usedRow](ctx, p.config.Journal, "use", useID(string(c.GrantID), c.Use))
	if errors.Is(err, ErrAbsent) || err == nil &&
		(row.Consumer != c.Issuer || consent.DigestOf(row.Commit) != c.Commit || c.Audience != p.config.Trust.Issuer) {
		return &Error{By: "sdk", Reason: "unknown_release", Check: "countersignature", Cause: "there is no such release", Mender: transfer.MenderConsumer}
	}
	if err != nil || row.Acknowledged != "" {
		return err
	}
	row.Acknowledged = received
	if err := p.keepUse(ctx, &row, p.config.Journal.Put); err != nil {
		return err
	}
	err = p.config.Journal.Delete(ctx, "ciphertext", row.sealed())
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// commit has the hub say yes to one use, and keeps the promise before anything
// is sent. A refusal frees the number: nothing left under it.
func (p *Provider) commit(ctx context.Context, row *usedRow) error {
	claims, err := row.claims, error(nil)
	if claims.Nonce == "" { // of an earlier try
		claims, err = consent.OpenCommit(row.Commit, p.config.Trust.AgencyRoots)
	}
	if err != nil {
		return err
	}
	a, err := p.net.do(ctx, http.MethodPost, p.config.Trust.Issuer+"/agency/commits",
		http.Header{"Content-Type": {"application/jose"}, "Accept": {"application/json, application/problem+json"}}, []byte(row.Commit))
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return p.refusedCommit(ctx, row, a)
	}
	var yes struct {
		Promise string `json:"promise"`
	}
	if err := jcs.Unmarshal(a.body, &yes); err != nil {
		return refusal("refused", transfer.CheckPromise, transfer.MenderHub, "the hub's answer is not JSON")
	}
	promised, err := transfer.CheckPromised(yes.Promise, row.Commit, claims, p.config.Trust, p.config.Now())
	if err != nil {
		return err
	}
	if err := p.promises.hold(ctx, yes.Promise, promised); err != nil {
		return err
	}
	row.Promise, row.Sent = yes.Promise, p.config.Now().UTC()
	if err := p.noteUse(ctx, row); err != nil {
		return err
	}
	if err := p.keepUse(ctx, row, p.config.Journal.Put); err != nil {
		return err
	}
	p.config.Logger.InfoContext(ctx, "released", "grant", row.GrantID, "use", row.Use, "consumer", row.Consumer,
		"left", row.Left, "dropped", row.Dropped)
	if p.config.Observe != nil {
		p.config.Observe(row.Released)
	}
	return nil
}

// refusedCommit tells "no" from "not now". Only a plain no frees the number.
func (p *Provider) refusedCommit(ctx context.Context, row *usedRow, a answer) error {
	if err := a.unavailable(); err != nil {
		return err
	}
	var no problem
	if json.Unmarshal(a.body, &no) != nil || no.Code == "" || a.status < 400 {
		return &Error{By: "hub", Reason: "refused", Check: transfer.CheckCommit, Cause: "the hub's refusal cannot be read", Mender: transfer.MenderHub, Status: a.status}
	}
	// Another process may have sent the same commit and been told yes: what it
	// released stays released, and a retry gets it.
	var now usedRow
	found, err := p.config.Journal.Get(ctx, "use", row.id())
	if err == nil {
		err = json.Unmarshal(found.Value, &now)
	}
	switch {
	case err != nil && !errors.Is(err, ErrAbsent):
		return err
	case err == nil && now.Commit == row.Commit && now.Promise != "":
		*row = now
		return nil
	case err == nil && now.Commit == row.Commit:
		// Only as it was read: the other process may write the hub's yes down just now.
		// The ciphertext stays until it runs out, for that process to answer with.
		if err := deleteSame(ctx, p.config.Journal, found); err != nil && !errors.Is(err, ErrAbsent) {
			return err
		}
	}
	no.Status = a.status
	return no.error("hub")
}

// refuse writes a problem document (RFC 9457) that names the check, what was
// found and who must act. What is not a refusal stays in our own log.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, id string, err error) {
	status, doc := describe(err)
	doc.Correlation, doc.Status = id, status
	doc.Type, doc.Title = "urn:mydata:problem:"+doc.Code, http.StatusText(status)
	log := p.config.Logger.WarnContext
	if status >= 500 {
		log = p.config.Logger.ErrorContext
	}
	if p.config.Refused != nil {
		p.config.Refused(doc.Check)
	}
	log(r.Context(), "release refused", "correlation", id, "code", doc.Code, "check", doc.Check, "error", err.Error())
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", challenge(doc.Check))
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

// challenge is RFC 9449, 7.1.
func challenge(check string) string {
	if check == transfer.CheckProof {
		return `DPoP error="invalid_dpop_proof", algs="ES256"`
	}
	return `DPoP error="invalid_token", algs="ES256"`
}

// statuses are the HTTP status of each reason that is not a plain 403.
var statuses = map[string]int{
	"malformed": http.StatusBadRequest, "use_taken": http.StatusConflict, "idempotency_key_reused": http.StatusConflict,
	"no_match": http.StatusNotFound, "several": http.StatusConflict, "unknown_release": http.StatusNotFound,
	"already_sent": http.StatusGone, "not_served": http.StatusNotFound,
	"withdrawn": http.StatusConflict, "expired": http.StatusConflict, "consumed": http.StatusConflict, "paused": http.StatusConflict,
	"schema_drift": http.StatusConflict, "too_soon": http.StatusConflict, "superseded": http.StatusConflict,
	"not_listed": http.StatusServiceUnavailable, "too_much": http.StatusConflict,
}

// describe turns an error into what the other side may know of it.
func describe(err error) (int, problem) {
	var refused *transfer.Refusal
	if errors.As(err, &refused) {
		status := http.StatusForbidden
		if refused.Check == transfer.CheckToken || refused.Check == transfer.CheckProof {
			status = http.StatusUnauthorized
		}
		return status, problem{Code: "refused", Check: refused.Check, Cause: refused.Cause, Mender: refused.Mender}
	}
	var e *Error
	if errors.As(err, &e) {
		status, ok := statuses[e.Reason]
		if e.Status != 0 && e.By != "hub" {
			status = e.Status
		} else if !ok {
			status = http.StatusForbidden
		}
		return status, problem{Code: e.Reason, Check: e.Check, Cause: e.Cause, Mender: e.Mender}
	}
	if errors.Is(err, ErrUnavailable) {
		return http.StatusServiceUnavailable, problem{Code: "hub_unavailable", Check: transfer.CheckCommit, Cause: "the hub does not answer; ask again with the same idempotency key", Mender: transfer.MenderHub}
	}
	return http.StatusInternalServerError, problem{Code: "internal", Check: "service", Cause: "the provider has a fault", Mender: transfer.MenderProvider}
}

// catalogueOf is the version that terms say they are from, unchecked: it only
// tells whether to ask the hub for a newer catalogue.
func catalogueOf(terms []byte) int64 {
	var t struct {
		Catalogue int64 `json:"catalogue"`
	}
	if jcs.Unmarshal(terms, &t) != nil {
		return 0
	}
	return t.Catalogue
}

// digest names several texts by one, of each its SHA-256, without letting a border move.
func digest(tag string, parts ...[sha256.Size]byte) string {
	h := sha256.New()
	io.WriteString(h, tag+"/v1")
	for _, part := range parts {
		h.Write(part[:])
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
