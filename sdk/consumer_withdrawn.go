package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/signal"
)

// endedFor is how long a consumer remembers a withdrawal beside the grant.
const endedFor = 400 * 24 * time.Hour

// unsaidRow is that a citizen's own signed withdrawal was shown: kind "withdrawn",
// key the grant. The withdrawal itself is not kept: it shows a passkey, by which
// agencies could know one person from another.
type unsaidRow struct {
	At     time.Time `json:"at"`
	Digest string    `json:"digest"` // of what was shown
}

// Withdrawn takes a citizen's own signed withdrawal (consent.SignedWithdrawal) of
// a grant that this journal holds, by whatever way it came. From its return on
// nothing more is asked for or accepted under that grant, whatever the hub says;
// what could ask (token, key) is gone. What was received before may be kept as long
// as the terms say, now counted from here: see CheckRetention. The hub is not asked.
// Taking the same again does no harm.
func (c *Consumer) Withdrawn(ctx context.Context, signed []byte) error {
	w, err := consent.ParseWithdrawal(signed)
	if err == nil {
		err = w.Verify(c.config.Trust.RP, c.config.Trust.Officers)
	}
	switch {
	case err != nil:
		return &Error{By: "sdk", Reason: "refused", Check: consent.CheckWithdrawal, Cause: err.Error(), Mender: transfer.MenderCitizen, err: err}
	case w.Terms.Controller != c.config.Keys.Agency:
		return refusal("refused", consent.CheckWithdrawal, transfer.MenderCitizen, "it is for %s", w.Terms.Controller)
	}
	grant, now := string(w.Terms.GrantID), c.config.Now().UTC()
	defer c.locks.lock(grant)()
	g, err := kept[grantRow](ctx, c.config.Journal, "grant", grant)
	if errors.Is(err, ErrAbsent) {
		return refusal("unknown_grant", consent.CheckWithdrawal, transfer.MenderCitizen, "this journal has no such grant")
	}
	if err != nil {
		return err
	}
	if terms, err := w.Terms.Canonical(); err != nil || len(g.Terms) > 0 && !sameTerms(g.Terms, terms) || len(g.Terms) == 0 && w.Terms.Request != consent.DigestOf(g.Request) {
		return refusal("refused", consent.CheckWithdrawal, transfer.MenderCitizen, "it is over other terms than this grant's")
	}
	e, err := entry("withdrawn", grant, unsaidRow{now, consent.DigestOf(string(signed))}, now.Add(endedFor))
	if err != nil {
		return err
	}
	if err := c.config.Journal.Create(ctx, e); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	c.config.Logger.InfoContext(ctx, "withdrawn by the citizen", "grant", grant)
	return c.unable(ctx, grant, g, now)
}

// unable takes away what could ask again, and has retention count from now. What a
// crash leaves of it, the row "withdrawn" refuses, and the next call does.
func (c *Consumer) unable(ctx context.Context, grant string, g grantRow, now time.Time) error {
	_, err := c.config.Journal.Get(ctx, "ended", grant)
	if errors.Is(err, ErrAbsent) {
		err = c.keep(ctx, "ended", grant, endedRow{signal.GrantWithdrawn, now}, time.Time{})
	}
	if err != nil {
		return err
	}
	if g.Refresh == "" && g.Recipient == nil {
		return nil
	}
	g.Refresh, g.Recipient = "", nil
	return c.keep(ctx, "grant", grant, g, time.Time{})
}

// unsaid refuses a grant that its citizen has withdrawn here.
func (c *Consumer) unsaid(ctx context.Context, grant string) error {
	_, err := c.config.Journal.Get(ctx, "withdrawn", grant)
	switch {
	case errors.Is(err, ErrAbsent):
		return nil
	case err != nil:
		return err
	}
	return refusal("withdrawn", consent.CheckWithdrawal, transfer.MenderCitizen, "the citizen has withdrawn the consent, and signed it")
}

// Withdrawals is the door at which a citizen shows a signed withdrawal: POST, with
// the content type application/mydata-withdrawal+json. Mount it where everybody
// reaches it, without a login.
func (c *Consumer) Withdrawals() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			c.refuse(w, r, &Error{By: "sdk", Reason: "method", Check: "method", Cause: "POST a signed withdrawal", Mender: transfer.MenderCitizen, Status: http.StatusMethodNotAllowed})
			return
		}
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != consent.WithdrawalType {
			c.refuse(w, r, &Error{By: "sdk", Reason: "malformed", Check: "content type", Cause: "send " + consent.WithdrawalType, Mender: transfer.MenderCitizen, Status: http.StatusUnsupportedMediaType})
			return
		}
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, consent.MaxWithdrawal))
		if err != nil {
			c.refuse(w, r, &Error{By: "sdk", Reason: "malformed", Check: consent.CheckWithdrawal, Cause: "the body cannot be read, or is too large", Mender: transfer.MenderCitizen, Status: http.StatusRequestEntityTooLarge})
			return
		}
		if err := c.Withdrawn(r.Context(), raw); err != nil {
			c.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{}\n")
	})
}

// refuse writes a problem document (RFC 9457), as a provider does.
func (c *Consumer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, doc := describe(err)
	if doc.Code == "unknown_grant" {
		status = http.StatusNotFound
	}
	doc.Type, doc.Title, doc.Status = "urn:mydata:problem:"+doc.Code, http.StatusText(status), status
	c.config.Logger.WarnContext(r.Context(), "withdrawal refused", "code", doc.Code, "check", doc.Check, "error", err.Error())
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}
