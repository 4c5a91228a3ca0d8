package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// deletedRow is a deletion under way, or one that the hub has not heard of yet:
// kind "deleted", key the grant. Nothing in it is about the person.
type deletedRow struct {
	Uses      int    `json:"uses"`
	Statement string `json:"statement,omitempty"` // once all is gone
}

// Forget deletes what the journal holds of a grant: keys, claims, receipt. Where
// something was released it then signs, for the hub and the citizen, that it is
// gone: call it after you deleted your own copies. The hub takes that word once
// the grant is over; until then, and while it does not answer, the statement
// waits in the journal and CheckRetention sends it.
func (c *Consumer) Forget(ctx context.Context, grantID string) error {
	defer c.locks.lock(grantID)()
	row, err := kept[deletedRow](ctx, c.config.Journal, "deleted", grantID)
	if errors.Is(err, ErrAbsent) {
		err = nil
	}
	if err == nil && row.Statement == "" {
		row, err = c.beginDeletion(ctx, grantID, row)
	}
	if err != nil {
		return err
	}
	if row.Statement == "" {
		if err := c.wipe(ctx, grantID); err != nil || row.Uses == 0 {
			return err
		}
		if row.Statement, err = c.stated(grantID, row.Uses); err != nil {
			return err
		}
		if err := c.keep(ctx, "deleted", grantID, row, time.Time{}); err != nil {
			return err
		}
	}
	if err := c.confirm(ctx, grantID, row); err != nil {
		c.config.Logger.WarnContext(ctx, "hub not told of a deletion yet", "grant", grantID, "error", err.Error())
	}
	return nil
}

// beginDeletion writes down, before anything is gone, that it is to go: after a
// crash it goes on, and no statement is made of what is only half deleted.
func (c *Consumer) beginDeletion(ctx context.Context, grantID string, begun deletedRow) (deletedRow, error) {
	row, err := c.last(ctx, grantID)
	for err == nil && row.Answer == nil && row.Use > 1 {
		row, err = kept[sendRow](ctx, c.config.Journal, "send", useID(grantID, row.Use-1))
	}
	if Reason(err) == "unknown_grant" || err == nil && (row.Answer == nil || row.Use <= begun.Uses) {
		return begun, nil // nothing came, or nothing since
	}
	if err != nil {
		return begun, err
	}
	begun.Uses = row.Use
	return begun, c.keep(ctx, "deleted", grantID, begun, time.Time{})
}

// wipe deletes the rows of a grant, the latest use first, so that what is left
// after a crash is found again.
func (c *Consumer) wipe(ctx context.Context, grantID string) error {
	row, err := c.last(ctx, grantID)
	if err != nil && Reason(err) != "unknown_grant" {
		return err
	}
	gone := func(kind, key string) error {
		if err := c.config.Journal.Delete(ctx, kind, key); !errors.Is(err, ErrAbsent) {
			return err
		}
		return nil
	}
	for use := row.Use; use >= 1; use-- {
		if err := gone("send", useID(grantID, use)); err != nil {
			return err
		}
	}
	for _, kind := range []string{"receipt", "reminded", "ended", "grant"} { // "withdrawn" stays: it is about nobody
		if err := gone(kind, grantID); err != nil {
			return err
		}
	}
	return nil
}

func (c *Consumer) stated(grantID string, uses int) (string, error) {
	now := c.config.Now().Unix()
	jws, err := consent.SignDeleted(consent.DeletedClaims{
		Issuer: c.config.Keys.Agency, Audience: c.config.Trust.Issuer, IssuedAt: now,
		GrantID: consent.GrantID(grantID), Uses: uses, At: now,
	}, c.config.Keys.Signer, c.config.Keys.Chain)
	if err != nil {
		return "", fmt.Errorf("statement of deletion: %w", err)
	}
	return jws, nil
}

// Unconfirmed are the grants whose deletion the hub has not taken yet: the
// grant lasts, or the hub did not answer.
func (c *Consumer) Unconfirmed(ctx context.Context) ([]string, error) {
	all, err := c.config.Journal.List(ctx, "deleted")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range all {
		found = append(found, e.Key)
	}
	return found, nil
}

// confirmAll goes on with deletions that were begun, and sends the statements
// that the hub has not taken.
func (c *Consumer) confirmAll(ctx context.Context) error {
	waiting, err := c.Unconfirmed(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, id := range waiting {
		all = append(all, c.Forget(ctx, id))
	}
	return errors.Join(all...)
}

// confirm posts a statement, and forgets it once the hub has it.
func (c *Consumer) confirm(ctx context.Context, grantID string, row deletedRow) error {
	a, err := c.net.do(ctx, http.MethodPost, c.config.Trust.Issuer+"/agency/deletions",
		http.Header{"Content-Type": {"application/jose"}, "Accept": {"application/json, application/problem+json"}}, []byte(row.Statement))
	if err != nil {
		return err
	}
	if err := a.unavailable(); err != nil {
		return err
	}
	if a.status >= 300 {
		var no problem
		if json.Unmarshal(a.body, &no) != nil || no.Code == "" {
			no = problem{Code: "refused", Cause: "the hub's refusal cannot be read", Mender: transfer.MenderHub}
		}
		no.Status = a.status
		if no.Code != "decided" && no.Code != "unknown_grant" { // it has our word, or has erased the grant itself
			return no.error("hub")
		}
	}
	if err := c.config.Journal.Delete(ctx, "deleted", grantID); err != nil && !errors.Is(err, ErrAbsent) {
		return err
	}
	return nil
}
