package sdk

import (
	"context"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// withdrawnRow is a citizen's own signed withdrawal: kind "withdrawn", key saidOf.
type withdrawnRow struct {
	At    time.Time                `json:"at"`
	Proof consent.SignedWithdrawal `json:"proof"`
}

// saidOf names terms and the passkey that approved them: anybody can sign a withdrawal
// of terms that he approved himself, of whatever grant they say they are.
func saidOf(terms string, a consent.Approval) string { return terms + "/" + a.Key }

// lastEnd bounds the end of a grant that can be withdrawn: a date that a row can have.
const lastEnd = 1 << 37

// Withdrawn takes a citizen's own signed withdrawal (consent.SignedWithdrawal), by
// whatever way it came: at your counter, or posted to your release address as
// application/mydata-withdrawal+json. From its return on nothing more is released
// under that grant, whatever the hub says. The hub is not asked, and need not know.
// Taking the same again does no harm.
func (p *Provider) Withdrawn(ctx context.Context, signed []byte) error {
	w, err := consent.ParseWithdrawal(signed)
	if err == nil {
		err = w.Verify(p.config.Trust.RP, p.config.Trust.Officers)
	}
	switch {
	case err != nil:
		return &Error{By: "sdk", Reason: "refused", Check: consent.CheckWithdrawal, Cause: err.Error(), Mender: transfer.MenderCitizen, err: err}
	case w.Terms.GrantID == "":
		return refusal("refused", consent.CheckWithdrawal, transfer.MenderCitizen, "it names no grant")
	case w.Terms.Provider.ID != p.config.Keys.Agency:
		return refusal("refused", consent.CheckWithdrawal, transfer.MenderCitizen, "it is for %s", w.Terms.Provider.ID)
	case w.Terms.Validity.Expires < 0 || w.Terms.Validity.Expires > lastEnd:
		return refusal("refused", consent.CheckWithdrawal, transfer.MenderCitizen, "no grant ends at %d", w.Terms.Validity.Expires)
	}
	digest, err := w.Terms.Digest()
	if err != nil {
		return err
	}
	grant, said, now := string(w.Terms.GrantID), saidOf(consent.Encode(digest[:]), w.Approval), p.config.Now().UTC()
	defer p.locks.lock(grant)()
	e, err := entry("withdrawn", said, withdrawnRow{now, w}, time.Unix(w.Terms.Validity.Expires, 0).Add(24*time.Hour))
	if err != nil {
		return err
	}
	if err := p.config.Journal.Create(ctx, e); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	p.config.Logger.InfoContext(ctx, "withdrawn by the citizen", "grant", grant)
	return p.drop(ctx, grant, said)
}

// unsaid refuses what its citizen has withdrawn here.
func (p *Provider) unsaid(ctx context.Context, said string) error {
	_, err := p.config.Journal.Get(ctx, "withdrawn", said)
	switch {
	case errors.Is(err, ErrAbsent):
		return nil
	case err != nil:
		return err
	}
	return refusal("withdrawn", consent.CheckWithdrawal, transfer.MenderCitizen, "the citizen has withdrawn the consent, and signed it")
}
