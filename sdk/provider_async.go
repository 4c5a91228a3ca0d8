package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/jws"
)

// ErrLater is what a DataSet's Load answers when the record is there only later,
// and what a Consumer's call then fails with. The provider answers 202 after every
// check, commits nothing, and tells the hub no more than that a delivery is ready,
// when you call Ready. The consumer asks again with the same key; Load is called
// again, and only then does the hub commit the use: a citizen who has withdrawn
// meanwhile is not delivered about. A Document's Load may answer it too: see there.
var ErrLater = errors.New("the data is there later")

// The bounds of a late delivery.
const (
	laterFor   = 24 * time.Hour     // LaterFor when zero
	laterMost  = 7 * 24 * time.Hour // a consumer waits no longer
	laterPause = time.Minute        // Retry-After
)

// Later is an error that ErrLater is: what a provider promised.
type Later struct {
	Ticket  string // names the delivery, to no one else
	GrantID string // of your call, as the use
	Use     int
	Until   time.Time // it is kept for you until then
}

func (l *Later) Error() string { return "release: " + ErrLater.Error() + ", ticket " + l.Ticket }

// Unwrap says what kind of error it is.
func (l *Later) Unwrap() error { return ErrLater }

// ticket is the body of a 202.
type ticket struct {
	Ticket string `json:"ticket"`
	Until  int64  `json:"until"`
}

// laterRow is a release that passed every check and waits for its data: kind
// "later", key grant/number. It is the agency's own, and ends with the delivery.
type laterRow struct {
	Ticket  string            `json:"ticket"`
	Same    string            `json:"same"` // digest of token and body
	Raw     []byte            `json:"raw"`
	Detail  transfer.Detail   `json:"detail"`
	Sealed  transfer.Sealed   `json:"sealed"`
	DataSet catalogue.DataSet `json:"data_set"`
	At      time.Time         `json:"at"`
	Until   time.Time         `json:"until"`
}

// Deferred is a delivery that waits for its data.
type Deferred struct {
	Ticket  string
	GrantID string
	Use     int
	DataSet string
	Subject Subject
	Since   time.Time
	Until   time.Time
}

// later keeps what was asked, and answers the ticket as an error.
func (p *Provider) later(ctx context.Context, g *transfer.Granted, raw []byte, same string) error {
	now, id := p.config.Now().UTC(), useID(g.Detail.GrantID, g.Detail.Use)
	if row, err := kept[laterRow](ctx, p.config.Journal, "later", id); err == nil && row.Same == same {
		return &Later{Ticket: row.Ticket, Until: row.Until}
	} else if err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	window := p.config.LaterFor
	if window <= 0 {
		window = laterFor
	}
	until := now.Add(min(window, laterMost))
	if end := time.Unix(g.Terms.Validity.Expires, 0).UTC(); end.Before(until) {
		until = end
	}
	row := laterRow{Ticket: digest("mydata/ticket", jws.Sum(id), jws.Sum(same)), Same: same, Raw: raw, Detail: g.Detail, Sealed: g.Sealed,
		DataSet: g.DataSet, At: now, Until: until}
	// In this order: a delivery that waits is one that its own request finds, and ends.
	if err := p.keep(ctx, "retry", same, id, until); err != nil {
		return err
	}
	if err := p.keep(ctx, "later", id, row, until); err != nil {
		return err
	}
	p.config.Logger.InfoContext(ctx, "delivered later", "grant", g.Detail.GrantID, "use", g.Detail.Use, "ticket", row.Ticket)
	return &Later{Ticket: row.Ticket, Until: row.Until}
}

// collect answers the request of a delivery that waits, every byte of which but
// the proof passed all checks before. Its caller holds the grant's lock.
func (p *Provider) collect(r *http.Request, id, same, endpoint string) (answer transfer.ReleaseAnswer, found bool, err error) {
	ctx := r.Context()
	row, err := kept[laterRow](ctx, p.config.Journal, "later", id)
	if errors.Is(err, ErrAbsent) || err == nil && (row.Same != same || !p.config.Now().Before(row.Until)) {
		return answer, false, nil // the token has run out by now: the consumer begins anew
	}
	if err != nil {
		return answer, true, err
	}
	if err := p.checks(endpoint).CheckRetry(r); err != nil {
		return answer, true, err
	}
	body, err := transfer.ParseReleaseRequest(row.Raw)
	if err != nil {
		return answer, true, err
	}
	terms, err := consent.ParseTerms(body.Terms)
	if err != nil {
		return answer, true, err
	}
	g := &transfer.Granted{Detail: row.Detail, Sealed: row.Sealed, Terms: terms, DataSet: row.DataSet}
	use, err := p.prepare(ctx, g, body, row.Raw)
	if errors.Is(err, ErrLater) {
		return answer, true, &Later{Ticket: row.Ticket, Until: row.Until}
	}
	if err != nil {
		return answer, true, err
	}
	if answer, err = p.finish(ctx, use); err != nil {
		return answer, true, err
	}
	if err := p.config.Journal.Delete(ctx, "later", id); err != nil && !errors.Is(err, ErrAbsent) {
		return answer, true, err
	}
	return answer, true, nil
}

// Waiting lists the deliveries that wait for their data, oldest first.
func (p *Provider) Waiting(ctx context.Context) ([]Deferred, error) {
	all, err := p.config.Journal.List(ctx, "later")
	if err != nil {
		return nil, err
	}
	var found []Deferred
	for _, e := range all {
		var row laterRow
		if err := json.Unmarshal(e.Value, &row); err != nil {
			return nil, err
		}
		use, err := kept[usedRow](ctx, p.config.Journal, "use", e.Key)
		if err != nil && !errors.Is(err, ErrAbsent) {
			return nil, err
		}
		if use.Promise == "" && p.config.Now().Before(row.Until) { // else it was delivered, to a newer token
			found = append(found, Deferred{Ticket: row.Ticket, GrantID: row.Detail.GrantID, Use: row.Detail.Use, DataSet: row.DataSet.ID,
				Subject: Subject{Sub: row.Sealed.Subject, ResidentID: row.Sealed.ResidentID}, Since: row.At, Until: row.Until})
		}
	}
	return found, nil
}

// Ready has the hub tell the consumer that a delivery can be fetched. Call it when
// Load will find the record; saying it again does no harm. A refusal says why the
// delivery is over ("withdrawn", "expired" …), and forgets it.
func (p *Provider) Ready(ctx context.Context, ticket string) error {
	waiting, err := p.Waiting(ctx)
	if err != nil {
		return err
	}
	for _, d := range waiting {
		if d.Ticket != ticket {
			continue
		}
		err := p.announce(ctx, d)
		if refused, ok := errors.AsType[*Error](err); ok && statuses[refused.Reason] == http.StatusConflict {
			return errors.Join(err, p.forget(ctx, d.GrantID, d.Use))
		}
		return err
	}
	return refusal("unknown_ticket", "ticket", transfer.MenderProvider, "no delivery waits under it")
}

func (p *Provider) announce(ctx context.Context, d Deferred) error {
	jws, err := consent.SignReady(consent.ReadyClaims{
		Issuer: p.config.Keys.Agency, Audience: p.config.Trust.Issuer, IssuedAt: p.config.Now().Unix(),
		GrantID: consent.GrantID(d.GrantID), Use: d.Use,
	}, p.config.Keys.Signer, p.config.Keys.Chain)
	if err != nil {
		return fmt.Errorf("sign ready: %w", err)
	}
	a, err := p.net.do(ctx, http.MethodPost, p.config.Trust.Issuer+"/agency/ready",
		http.Header{"Content-Type": {"application/jose"}, "Accept": {"application/json, application/problem+json"}}, []byte(jws))
	if err != nil {
		return err
	}
	if err := a.unavailable(); err != nil {
		return err
	}
	if a.status == http.StatusAccepted {
		return nil
	}
	var no problem
	if json.Unmarshal(a.body, &no) != nil || no.Code == "" {
		no = problem{Code: "refused", Cause: "the hub's refusal cannot be read", Mender: transfer.MenderHub}
	}
	no.Status = a.status
	return no.error("hub")
}

// forget drops a delivery that waits.
func (p *Provider) forget(ctx context.Context, grant string, use int) error {
	err := p.config.Journal.Delete(ctx, "later", useID(grant, use))
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}

// forgetAll drops what waits under a grant, as drop does.
func (p *Provider) forgetAll(ctx context.Context, grant, said string) error {
	waiting, err := p.config.Journal.List(ctx, "later")
	for _, e := range waiting {
		var row laterRow
		if bad := json.Unmarshal(e.Value, &row); bad != nil {
			err = errors.Join(err, bad)
		} else if d := row.Detail; d.GrantID == grant && (said == "" || said == saidOf(d.Terms, row.Sealed.Approval)) {
			err = errors.Join(err, p.forget(ctx, grant, d.Use))
		}
	}
	return err
}

// promiseLater answers 202 with the ticket.
func promiseLater(w http.ResponseWriter, l *Later) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", strconv.Itoa(int(laterPause/time.Second)))
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(ticket{l.Ticket, l.Until.Unix()})
}

// laterOf reads a provider's 202.
func laterOf(body []byte) error {
	var t ticket
	if err := json.Unmarshal(body, &t); err != nil || t.Ticket == "" || len(t.Ticket) > 128 || t.Until <= 0 {
		return refusal("refused", transfer.CheckAnswer, transfer.MenderProvider, "a 202 without a ticket")
	}
	return &Later{Ticket: t.Ticket, Until: time.Unix(t.Until, 0).UTC()}
}

// deferred keeps for how long a use may be asked for again.
func (c *Consumer) deferred(ctx context.Context, row sendRow, err error) error {
	l, ok := errors.AsType[*Later](err)
	if !ok {
		return err
	}
	l.GrantID, l.Use = row.GrantID, row.Use
	if most := row.At.Add(laterMost); l.Until.After(most) {
		l.Until = most
	}
	row.Until = l.Until
	return errors.Join(l, c.keep(ctx, "send", row.id(), row, time.Time{}))
}

// retryable is until when the same request may be sent again.
func (s sendRow) retryable() time.Time {
	if until := s.At.Add(resendFor); s.Until.Before(until) {
		return until
	}
	return s.Until
}
