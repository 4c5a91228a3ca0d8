package sdk

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
)

// Release is what a citizen let you know: checked, and yours to use for the
// purpose you named.
type Release struct {
	GrantID  string
	Use      int
	Uses     int // how many the grant has
	Claims   map[string]any
	Provider string    // agency id
	IssuedAt time.Time // when the provider signed
	Expires  time.Time // when the grant ends
	Evidence string    // the provider's SD-JWT VC, to show on
	Withdraw string    // the page where the citizen can withdraw
	// Receipt is the receipt as it stood, verified; nil when the hub had none
	// yet: ask Receipt later.
	Receipt json.RawMessage
}

// sendRow is one use under way or done: kind "send", key grant/number.
type sendRow struct {
	GrantID  string                  `json:"grant_id"`
	Use      int                     `json:"use"`
	Key      string                  `json:"key"` // idempotency key
	Token    string                  `json:"token"`
	At       time.Time               `json:"at"`
	Answer   *transfer.ReleaseAnswer `json:"answer,omitempty"`
	Came     time.Time               `json:"came,omitzero"` // the answer: it is judged as of then
	Done     *Release                `json:"done,omitempty"`
	Received string                  `json:"received,omitempty"` // our countersignature
	Until    time.Time               `json:"until,omitzero"`     // the provider delivers later, until then
}

func (s sendRow) id() string { return useID(s.GrantID, s.Use) }

// granted is the one element of a token response's authorization_details.
type grantedDetail struct {
	Type    string          `json:"type"`
	GrantID string          `json:"grant_id"`
	Terms   json.RawMessage `json:"terms"`
	Use     int             `json:"use"`
}

// use takes one numbered use with a fresh token: everything that a later try
// needs is durable before the provider is asked.
func (c *Consumer) use(ctx context.Context, g grantRow, t tokens) (*Release, error) {
	var details []grantedDetail
	if err := json.Unmarshal(t.Details, &details); err != nil || len(details) != 1 || details[0].Type != consent.TransferType {
		return nil, refusal("refused", "token response", "hub", "it does not grant one transfer")
	}
	d := details[0]
	if len(g.Terms) > 0 && !sameTerms(g.Terms, d.Terms) {
		return nil, refusal("refused", transfer.CheckTermsDigest, "hub", "the grant has other terms than before")
	}
	g.Terms, g.Refresh = d.Terms, t.Refresh
	sent, err := g.sent(d.Use)
	if err != nil {
		return nil, err
	}
	cat, err := c.listing.get(ctx, sent.Terms.Catalogue)
	if err != nil {
		return nil, err
	}
	if err := c.checks.CheckGrant(sent, cat); err != nil {
		return nil, failed(err)
	}
	if d.GrantID != string(sent.Terms.GrantID) {
		return nil, refusal("refused", transfer.CheckDetail, "hub", "the token is of another grant than its terms")
	}
	if g.Named != "" && d.GrantID != g.Named {
		return nil, refusal("refused", transfer.CheckDetail, "hub", "the token is of another grant than was asked for")
	}
	defer c.locks.lock(d.GrantID)()
	if err := c.unsaid(ctx, d.GrantID); err != nil {
		return nil, err
	}
	if err := c.keep(ctx, "grant", d.GrantID, g, time.Time{}); err != nil {
		return nil, err
	}
	row := sendRow{GrantID: d.GrantID, Use: d.Use, Key: rand.Text()}
	if was, err := kept[sendRow](ctx, c.config.Journal, "send", row.id()); err == nil {
		row = was // the hub did not commit this number: the same request again
	} else if !errors.Is(err, ErrAbsent) {
		return nil, err
	}
	row.Token, row.At = t.Access, c.config.Now().UTC()
	if err := c.keep(ctx, "send", row.id(), row, time.Time{}); err != nil {
		return nil, err
	}
	return c.send(ctx, g, row, cat)
}

func sameTerms(a, b json.RawMessage) bool {
	s, err1 := consent.ParseTerms(a)
	t, err2 := consent.ParseTerms(b)
	if err1 != nil || err2 != nil {
		return false
	}
	x, err1 := s.Digest()
	y, err2 := t.Digest()
	return err1 == nil && err2 == nil && x == y
}

// resume finishes a use whose answer was lost, while the provider still keeps it.
func (c *Consumer) resume(ctx context.Context, g grantRow, grantID string) (*Release, bool, error) {
	row, err := c.last(ctx, grantID)
	if err != nil || row.Done != nil || row.Answer == nil && c.config.Now().After(row.retryable()) {
		return nil, false, nil
	}
	cat, err := c.listing.get(ctx, 0)
	if err != nil {
		return nil, true, err
	}
	defer c.locks.lock(grantID)()
	// Another call may have finished it while we waited: then it is this one's too.
	if row, err = kept[sendRow](ctx, c.config.Journal, "send", row.id()); err != nil || row.Done != nil {
		return row.Done, true, err
	}
	r, err := c.send(ctx, g, row, cat)
	var refused *Error
	if errors.As(err, &refused) && refused.By == "provider" && refused.Check == transfer.CheckToken {
		return nil, false, nil // it never saw that request: ask for a new token
	}
	return r, true, err
}

// send asks the provider, unless it has answered already, and accepts.
func (c *Consumer) send(ctx context.Context, g grantRow, row sendRow, cat *catalogue.Catalogue) (*Release, error) {
	if err := c.promises.allow(ctx); err != nil {
		return nil, err
	}
	if err := c.unsaid(ctx, row.GrantID); err != nil {
		return nil, err
	}
	sent, err := g.sent(row.Use)
	if err != nil {
		return nil, err
	}
	if row.Answer == nil {
		provider, ok := cat.Agency(sent.Terms.Provider.ID)
		if !ok || provider.Release == "" {
			return nil, refusal("not_listed", "catalogue", "provider", "the catalogue lists no release address for %s", sent.Terms.Provider.ID)
		}
		answer, err := c.fetch(ctx, g, row, provider.Release)
		if err != nil {
			return nil, c.deferred(ctx, row, err)
		}
		row.Answer, row.Came = &answer, c.config.Now().UTC()
		if err := c.keep(ctx, "send", row.id(), row, time.Time{}); err != nil {
			return nil, err
		}
	}
	r, err := c.accept(ctx, g, row, sent, cat)
	if _, refused := errors.AsType[*Error](err); refused { // the right one may still come
		row.Answer, row.Came = nil, time.Time{}
		if lost := c.keep(ctx, "send", row.id(), row, time.Time{}); lost != nil {
			return nil, errors.Join(err, lost)
		}
	}
	return r, err
}

// tries is how often a provider that does not answer is asked within one call.
const tries = 3

func (c *Consumer) fetch(ctx context.Context, g grantRow, row sendRow, address string) (transfer.ReleaseAnswer, error) {
	var none transfer.ReleaseAnswer
	body, err := json.Marshal(transfer.ReleaseRequest{Request: g.Request, Terms: g.Terms, IdempotencyKey: row.Key})
	if err != nil {
		return none, err
	}
	proofs, err := g.proofs(c.config.Now)
	if err != nil {
		return none, err
	}
	for try := 1; ; try++ {
		a, err := c.post(ctx, address, row.Token, body, proofs)
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, ErrUnavailable) || try == tries {
			return none, fmt.Errorf("release: %w", err)
		}
		select {
		case <-ctx.Done():
			return none, fmt.Errorf("release: %w", ctx.Err())
		case <-time.After(time.Duration(try*try) * 200 * time.Millisecond):
		}
	}
}

func (c *Consumer) post(ctx context.Context, address, token string, body []byte, proofs *dpop.Maker) (transfer.ReleaseAnswer, error) {
	var none transfer.ReleaseAnswer
	proof, err := proofs.Proof(http.MethodPost, address, token, "")
	if err != nil {
		return none, err
	}
	a, err := c.net.do(ctx, http.MethodPost, address, http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, application/problem+json"},
		"Authorization": {"DPoP " + token}, dpop.Header: {proof},
	}, body)
	if err != nil {
		return none, err
	}
	if err := a.unavailable(); err != nil {
		return none, err
	}
	if a.status == http.StatusAccepted {
		return none, laterOf(a.body)
	}
	if a.status != http.StatusOK {
		var no problem
		if json.Unmarshal(a.body, &no) != nil || no.Code == "" {
			no = problem{Code: "refused", Cause: fmt.Sprintf("status %d came from the release address that the catalogue lists, without a reason: does a Provider answer there?", a.status), Mender: transfer.MenderProvider}
		}
		no.Status = a.status
		return none, no.error("provider")
	}
	answer, err := transfer.ParseReleaseAnswer(a.body)
	if err != nil {
		return none, refusal("refused", transfer.CheckAnswer, transfer.MenderProvider, "%v", err)
	}
	return answer, nil
}

// accept makes every check of the answer, decrypts, countersigns and tells hub
// and provider. What they cannot be told now is told when the receipt is asked for.
func (c *Consumer) accept(ctx context.Context, g grantRow, row sendRow, sent transfer.Sent, cat *catalogue.Catalogue) (*Release, error) {
	checks := c.checks
	if !row.Came.IsZero() {
		checks.Now = func() time.Time { return row.Came }
	}
	received, ciphertext, err := checks.CheckCommit(sent, *row.Answer)
	if err != nil {
		return nil, failed(err)
	}
	if err := c.promises.hold(ctx, row.Answer.Promise, received.Promise); err != nil {
		return nil, err
	}
	key, err := envelope.ParsePrivateKey(g.Recipient)
	if err != nil {
		return nil, err
	}
	plaintext, err := key.Open(envelope.Binding{
		GrantID: row.GrantID, Use: row.Use, SchemaHash: sent.Terms.DataSet.SchemaHash}, ciphertext)
	if err != nil {
		return nil, refusal("refused", "ciphertext", transfer.MenderProvider, "%v", err)
	}
	if err := checks.CheckPlaintext(sent, received, plaintext); err != nil {
		return nil, failed(err)
	}
	row.Done = &Release{
		GrantID: row.GrantID, Use: row.Use, Uses: sent.Terms.MaxUses, Claims: received.Claims, Provider: sent.Terms.Provider.ID,
		IssuedAt: received.IssuedAt, Expires: time.Unix(sent.Terms.Validity.Expires, 0).UTC(), Evidence: received.Evidence,
		Withdraw: sent.Terms.Withdrawal.URI,
	}
	row.Received, err = consent.SignReceived(consent.ReceivedClaims{
		Issuer: c.config.Keys.Agency, Audience: c.config.Trust.Issuer, IssuedAt: c.config.Now().Unix(),
		GrantID: sent.Terms.GrantID, Use: row.Use, Commit: consent.DigestOf(row.Answer.Commit),
	}, c.config.Keys.Signer, c.config.Keys.Chain)
	if err != nil {
		return nil, fmt.Errorf("countersign: %w", err)
	}
	if err := c.keep(ctx, "send", row.id(), row, time.Time{}); err != nil {
		return nil, err
	}
	c.config.Logger.InfoContext(ctx, "received", "grant", row.GrantID, "use", row.Use, "provider", row.Done.Provider)
	c.acknowledge(ctx, row, sent.Terms.Provider.ID, cat)
	done := *row.Done
	if done.Receipt, err = c.countersigned(ctx, row); err != nil {
		c.config.Logger.WarnContext(ctx, "receipt not there yet", "grant", row.GrantID, "error", err.Error())
	}
	return &done, nil
}

// acknowledge lets the provider forget the ciphertext; if it does not hear of
// it, ten minutes do the same.
func (c *Consumer) acknowledge(ctx context.Context, row sendRow, provider string, cat *catalogue.Catalogue) {
	agency, ok := cat.Agency(provider)
	if !ok {
		return
	}
	_, err := c.net.do(ctx, http.MethodPost, agency.Release, http.Header{"Content-Type": {"application/jose"}}, []byte(row.Received))
	if err != nil {
		c.config.Logger.WarnContext(ctx, "provider not told", "grant", row.GrantID, "error", err.Error())
	}
}

// countersigned posts the countersignature to the hub, which may be done again
// and again, and keeps the receipt once the hub has one that verifies.
func (c *Consumer) countersigned(ctx context.Context, row sendRow) (json.RawMessage, error) {
	a, err := c.net.do(ctx, http.MethodPost, c.config.Trust.Issuer+"/agency/received",
		http.Header{"Content-Type": {"application/jose"}, "Accept": {"application/json, application/problem+json"}}, []byte(row.Received))
	if err != nil {
		return nil, err
	}
	if err := a.unavailable(); err != nil {
		return nil, err
	}
	if a.status >= 300 {
		var no problem
		if json.Unmarshal(a.body, &no) != nil || no.Code == "" {
			no = problem{Code: "refused", Cause: "the hub's refusal cannot be read", Mender: transfer.MenderHub}
		}
		no.Status = a.status
		return nil, no.error("hub")
	}
	var answer struct {
		Receipt json.RawMessage `json:"receipt"`
	}
	if err := json.Unmarshal(a.body, &answer); err != nil {
		return nil, fmt.Errorf("hub's answer: %w", err)
	}
	if len(answer.Receipt) == 0 || string(answer.Receipt) == "null" {
		return nil, fmt.Errorf("%w: the log has not taken the events yet", ErrUnavailable)
	}
	if err := c.verify(answer.Receipt, row); err != nil {
		return nil, err
	}
	if err := c.proven(ctx, row); err != nil {
		return nil, err
	}
	return answer.Receipt, c.keep(ctx, "receipt", row.GrantID, answer.Receipt, time.Time{})
}

// verify checks a receipt before it is kept: that it is of this use, and every
// check of pkg/consent/receipt, inclusion in a witnessed checkpoint among them.
func (c *Consumer) verify(raw json.RawMessage, row sendRow) error {
	r, err := receipt.Parse(raw)
	if err != nil {
		return refusal("refused", "receipt", transfer.MenderHub, "%v", err)
	}
	if string(r.Terms.GrantID) != row.GrantID || len(r.Commits) < row.Use || r.Commits[row.Use-1] != row.Answer.Commit {
		return refusal("refused", "receipt", transfer.MenderHub, "it does not hold the commit of this use")
	}
	for _, check := range c.receipts.Verify(r).Failed() {
		return refusal("refused", "receipt: "+check.Name, transfer.MenderHub, "%s", check.Detail)
	}
	return nil
}

// proven forgets the promises that a verified receipt proves: its commits up to
// this use are under a witnessed checkpoint. One that was found broken before
// stays.
func (c *Consumer) proven(ctx context.Context, row sendRow) error {
	held, err := kept[Promise](ctx, c.config.Journal, "promise", row.id())
	if errors.Is(err, ErrAbsent) || err == nil && !held.Broken.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	return c.promises.kept(ctx, row.id(), nil)
}

// failed is our own check's refusal as an *Error.
func failed(err error) error {
	var r *transfer.Refusal
	if errors.As(err, &r) {
		return &Error{By: "sdk", Reason: "refused", Check: r.Check, Cause: r.Cause, Mender: r.Mender, err: err}
	}
	return err
}
