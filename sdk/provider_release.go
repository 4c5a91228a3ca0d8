package sdk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
	"github.com/govmydata/mydata/pkg/jcs"
	"github.com/govmydata/mydata/pkg/jws"
)

// resendFor is how long a retry gets the identical ciphertext.
const resendFor = 10 * time.Minute

// Released is one release, by names: nothing here is a value.
type Released struct {
	At       time.Time `json:"at"`
	GrantID  string    `json:"grant_id"`
	Use      int       `json:"use"`
	Consumer string    `json:"consumer"` // agency id
	Purpose  string    `json:"purpose"`
	DataSet  string    `json:"data_set"`
	Left     []string  `json:"left"`    // claims that were sent
	Dropped  []string  `json:"dropped"` // fields that were loaded and stayed
}

// usedRow is what the journal keeps of one use number: kind "use", key
// grant/number. It exists before the hub is asked, and has a promise once the
// hub said yes.
type usedRow struct {
	Released
	KeyID        string           `json:"key"`     // digest of the idempotency key
	Body         string           `json:"body"`    // digest of the request's body
	Request      string           `json:"request"` // the consumer's, and what the citizen approved
	Terms        json.RawMessage  `json:"terms"`
	Approval     consent.Approval `json:"approval"`
	Commit       string           `json:"commit"`
	Promise      string           `json:"promise,omitempty"`
	Sent         time.Time        `json:"sent,omitzero"` // when the promise came
	Acknowledged string           `json:"acknowledged,omitempty"`

	claims consent.CommitClaims // of Commit, where it was signed just now
}

func (u usedRow) id() string { return useID(u.GrantID, u.Use) }

// sealed is the key of the ciphertext that its commit is over: of two processes
// that answer one use at once, none writes over the other's.
func (u usedRow) sealed() string { return u.id() + "/" + consent.DigestOf(u.Commit) }

// said is saidOf what was released.
func (u usedRow) said() string {
	if u.claims.Terms != "" {
		return saidOf(u.claims.Terms, u.Approval)
	}
	return saidOf(consent.DigestOf(string(u.Terms)), u.Approval) // canonical, as keepUse writes it
}

func useID(grant string, use int) string { return grant + "/" + strconv.Itoa(use) }

// release is one request from first check to answer.
func (p *Provider) release(r *http.Request, raw []byte) (transfer.ReleaseAnswer, error) {
	ctx := r.Context()
	var none transfer.ReleaseAnswer
	if err := p.promises.allow(ctx); err != nil {
		return none, err
	}
	body, err := transfer.ParseReleaseRequest(raw)
	if err != nil {
		return none, &Error{By: "sdk", Reason: "malformed", Check: transfer.CheckBody, Cause: err.Error(), Mender: transfer.MenderConsumer, err: err}
	}
	token, err := transfer.AccessToken(r)
	if err != nil {
		return none, err
	}
	same := digest("mydata/retry", jws.Sum(token), sha256.Sum256(raw))
	if answer, found, err := p.resend(r, same); found || err != nil {
		return answer, err
	}
	g, err := p.check(r, body)
	if err != nil {
		return none, err
	}
	defer p.locks.lock(g.Detail.GrantID)()
	row, err := p.prepare(ctx, g, body, raw)
	if errors.Is(err, ErrLater) {
		return none, p.later(ctx, g, raw, same)
	}
	if err != nil {
		return none, err
	}
	if err := p.keep(ctx, "retry", same, row.id(), p.config.Now().Add(resendFor)); err != nil {
		return none, err
	}
	return p.finish(ctx, row)
}

// resend answers a request whose every byte but the proof was accepted before.
func (p *Provider) resend(r *http.Request, same string) (answer transfer.ReleaseAnswer, found bool, err error) {
	ctx := r.Context()
	id, err := kept[string](ctx, p.config.Journal, "retry", same)
	if errors.Is(err, ErrAbsent) {
		return answer, false, nil
	}
	if err != nil {
		return answer, false, err
	}
	cat, err := p.listing.get(ctx, 0)
	if err != nil {
		return answer, false, err
	}
	self, _ := cat.Agency(p.config.Keys.Agency)
	grant, _, _ := strings.Cut(id, "/")
	defer p.locks.lock(grant)()
	row, err := kept[usedRow](ctx, p.config.Journal, "use", id)
	if errors.Is(err, ErrAbsent) { // it waits for its data, or the hub refused it then; it may be different now
		return p.collect(r, id, same, self.Release)
	}
	if err != nil {
		return answer, false, err
	}
	if err := p.checks(self.Release).CheckRetry(r); err != nil {
		return answer, false, err
	}
	if answer, err = p.finish(ctx, row); err == nil {
		err = p.forget(ctx, row.GrantID, row.Use) // it may have waited for its data
	}
	return answer, true, err
}

// prepare finds what an earlier try made for the same request, or makes it:
// everything that the hub will be asked to commit to, durable before it is asked.
func (p *Provider) prepare(ctx context.Context, g *transfer.Granted, body transfer.ReleaseRequest, raw []byte) (usedRow, error) {
	id := useID(g.Detail.GrantID, g.Detail.Use)
	keyID, bodyID := digest("mydata/key", jws.Sum(g.Detail.Consumer), jws.Sum(body.IdempotencyKey)), digest("mydata/body", sha256.Sum256(raw))
	row, err := kept[usedRow](ctx, p.config.Journal, "use", id)
	switch {
	case err == nil && row.KeyID == keyID && row.Body == bodyID:
		return row, nil
	case err == nil && row.KeyID != keyID:
		return row, refusal("use_taken", "use number", transfer.MenderConsumer, "this use was released to another request")
	case err == nil:
		return row, reusedKey()
	case !errors.Is(err, ErrAbsent):
		return row, err
	}
	if err := p.unsaid(ctx, saidOf(g.Detail.Terms, g.Sealed.Approval)); err != nil {
		return row, err
	}
	if err := p.versions(ctx, g); err != nil {
		return row, err
	}
	if err := p.early(ctx, g); err != nil {
		return row, err
	}
	if err := p.claimKey(ctx, keyID, id+" "+bodyID, time.Unix(g.Terms.Validity.Expires, 0).Add(24*time.Hour)); err != nil {
		return row, err
	}
	if err := p.pin(ctx, g); err != nil {
		return row, err
	}
	claims, released, err := p.load(ctx, g)
	if err != nil {
		return row, err
	}
	row = usedRow{Released: released, KeyID: keyID, Body: bodyID, Request: body.Request,
		Terms: body.Terms, Approval: g.Sealed.Approval}
	return row, p.seal(ctx, g, &row, claims)
}

// claimKey makes an idempotency key stand for one request alone.
func (p *Provider) claimKey(ctx context.Context, keyID, request string, until time.Time) error {
	e, err := entry("key", keyID, request, until)
	if err != nil {
		return err
	}
	err = p.config.Journal.Create(ctx, e)
	if !errors.Is(err, ErrExists) {
		return err
	}
	was, err := kept[string](ctx, p.config.Journal, "key", keyID)
	if err == nil && was != request {
		return reusedKey()
	}
	return err
}

func reusedKey() error {
	return refusal("idempotency_key_reused", "idempotency key", transfer.MenderConsumer, "the key was used for another request")
}

// seal signs and encrypts the claims and signs the commit, all of it durable:
// a later try sends the hub the same commit and the consumer the same bytes.
func (p *Provider) seal(ctx context.Context, g *transfer.Granted, row *usedRow, claims map[string]any) error {
	evidence, err := transfer.Evidence{
		Provider: p.config.Keys.Agency, Consumer: g.Detail.Consumer, GrantID: g.Terms.GrantID, Use: g.Detail.Use,
		Subject: g.Terms.Subjects.Consumer, DataSet: g.DataSet.ID, Terms: g.Detail.Terms,
		IssuedAt: p.config.Now(), Claims: claims,
	}.Sign(sdjwt.Key{Signer: p.config.Keys.Signer, X5C: p.config.Keys.Chain})
	if err != nil {
		return fmt.Errorf("sign evidence: %w", err)
	}
	salt, nonce := make([]byte, 32), make([]byte, 32)
	rand.Read(salt)
	rand.Read(nonce)
	ciphertext, err := encrypt(g, transfer.Plaintext{Evidence: evidence, Salt: consent.Encode(salt)})
	if err != nil {
		return err
	}
	sum, plain := sha256.Sum256(ciphertext), transfer.PlaintextDigest(salt, evidence)
	row.claims = consent.CommitClaims{
		Issuer: p.config.Keys.Agency, Audience: p.config.Trust.Issuer, IssuedAt: p.config.Now().Unix(),
		GrantID: g.Terms.GrantID, Use: g.Detail.Use, Terms: g.Detail.Terms,
		Ciphertext: consent.Encode(sum[:]), Plaintext: consent.Encode(plain[:]), Nonce: consent.Encode(nonce),
	}
	if row.Commit, err = consent.SignCommit(row.claims, p.config.Keys.Signer, p.config.Keys.Chain); err != nil {
		return fmt.Errorf("sign commit: %w", err)
	}
	// Twice as long as needed: the ten minutes begin with the promise.
	if err := p.keep(ctx, "ciphertext", row.sealed(), ciphertext, p.config.Now().Add(2*resendFor)); err != nil {
		return err
	}
	err = p.keepUse(ctx, row, p.config.Journal.Create)
	if errors.Is(err, ErrExists) {
		return refusal("use_taken", "use number", transfer.MenderConsumer, "this use is being released to another request")
	}
	return err
}

// keepUse keeps a use in canonical JSON: of its parts no other spelling is needed.
func (p *Provider) keepUse(ctx context.Context, row *usedRow, keep func(context.Context, Entry) error) error {
	value, err := jcs.Marshal(row)
	if err != nil {
		return err
	}
	return keep(ctx, Entry{Kind: "use", Key: row.id(), Value: value})
}

func encrypt(g *transfer.Granted, plaintext transfer.Plaintext) ([]byte, error) {
	text, err := jcs.Marshal(plaintext)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	public, err := base64.RawURLEncoding.Strict().DecodeString(g.Terms.RecipientKey.Public)
	if err == nil {
		sealed, err = envelope.Seal(public, envelope.Binding{
			GrantID: g.Detail.GrantID, Use: g.Detail.Use, SchemaHash: g.Terms.DataSet.SchemaHash,
		}, text)
	}
	if _, corrupt := errors.AsType[base64.CorruptInputError](err); corrupt || errors.Is(err, envelope.ErrPublicKey) {
		return nil, refusal("refused", transfer.CheckRecipientKey, transfer.MenderConsumer, "the key is not a public key of %s", consent.KEM)
	}
	return sealed, err
}

// finish has the hub commit, if it did not yet, and answers what is stored.
func (p *Provider) finish(ctx context.Context, row usedRow) (transfer.ReleaseAnswer, error) {
	var none transfer.ReleaseAnswer
	if row.Promise == "" {
		if err := p.unsaid(ctx, row.said()); err != nil {
			return none, err
		}
		if err := p.commit(ctx, &row); err != nil {
			return none, err
		}
	}
	if row.Acknowledged != "" || p.config.Now().After(row.Sent.Add(resendFor)) {
		return none, refusal("already_sent", "retry", transfer.MenderConsumer, "the answer was acknowledged, or ten minutes have passed")
	}
	ciphertext, err := kept[[]byte](ctx, p.config.Journal, "ciphertext", row.sealed())
	if errors.Is(err, ErrAbsent) { // dropped, since the grant is over
		return none, refusal("already_sent", "retry", transfer.MenderConsumer, "the answer is kept no longer")
	}
	if err != nil {
		return none, err
	}
	return transfer.ReleaseAnswer{Ciphertext: consent.Encode(ciphertext), Commit: row.Commit, Promise: row.Promise}, nil
}

func (p *Provider) keep(ctx context.Context, kind, key string, value any, until time.Time) error {
	e, err := entry(kind, key, value, until)
	if err != nil {
		return err
	}
	return p.config.Journal.Put(ctx, e)
}

// Releases lists what was released, oldest first, for a page of your own.
func (p *Provider) Releases(ctx context.Context) ([]Released, error) {
	all, err := p.config.Journal.List(ctx, "use")
	if err != nil {
		return nil, err
	}
	var found []Released
	for _, e := range all {
		var row usedRow
		if err := json.Unmarshal(e.Value, &row); err != nil {
			return nil, err
		}
		if row.Promise != "" {
			found = append(found, row.Released)
		}
	}
	return found, nil
}
