package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/jcs"
)

// Consents is the consent.Store over this database.
type Consents struct{ db *DB }

var _ consent.Store = (*Consents)(nil)

// Consents keeps grants' events and proposals.
func (db *DB) Consents() *Consents { return &Consents{db} }

// History answers a grant's events and their fold.
func (c *Consents) History(ctx context.Context, id consent.GrantID) (consent.Record, []consent.Event, error) {
	events, err := c.events(ctx, `SELECT citizen, citizen_seq, event, salt, evidence FROM consent_events WHERE grant_id = $1 ORDER BY seq`, string(id))
	if err != nil {
		return consent.Record{}, nil, err
	}
	if len(events) == 0 {
		return consent.Record{}, nil, consent.ErrUnknown
	}
	record, err := consent.Fold(events)
	if err != nil {
		return consent.Record{}, nil, fmt.Errorf("store consent: %s: %w", id, err)
	}
	return record, events, nil
}

// Course answers a grant's events without their evidence, and the head of their
// citizen, by one statement: none is older than another.
func (c *Consents) Course(ctx context.Context, id consent.GrantID) (events []consent.Event, head int64, err error) {
	events, err = c.scan(ctx, `SELECT citizen, citizen_seq, event, salt, (SELECT COALESCE(MAX(head), 0) FROM (
		SELECT MAX(citizen_seq) AS head FROM consent_events AS own WHERE own.citizen = e.citizen
		UNION ALL SELECT head FROM consent_erased AS gone WHERE gone.citizen = e.citizen) AS heads)
		FROM consent_events AS e WHERE grant_id = $1 ORDER BY seq`, string(id),
		func(scan func(...any) error) (consent.Event, error) { return scanCourse(scan, &head) })
	if err == nil && len(events) == 0 {
		err = consent.ErrUnknown
	}
	return events, head, err
}

// Events answers one citizen's events.
func (c *Consents) Events(ctx context.Context, citizen string) ([]consent.Event, error) {
	return c.events(ctx, `SELECT citizen, citizen_seq, event, salt, evidence FROM consent_events WHERE citizen = $1 ORDER BY citizen_seq`, citizen)
}

func (c *Consents) events(ctx context.Context, query, key string) ([]consent.Event, error) {
	return c.scan(ctx, query, key, scanEvent)
}

func (c *Consents) scan(ctx context.Context, query, key string, one func(scan func(...any) error) (consent.Event, error)) ([]consent.Event, error) {
	rows, err := c.db.db.QueryContext(ctx, query, key)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store consent: %w", err)
	}
	defer rows.Close()
	var all []consent.Event
	for rows.Next() {
		e, err := one(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("store consent: %w", err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store consent: %w", err)
	}
	return all, nil
}

func scanEvent(scan func(...any) error) (consent.Event, error) {
	var evidence sql.RawBytes // the driver's own, read before the next row
	e, err := scanCourse(scan, &evidence)
	if err != nil {
		return e, err
	}
	if err := jcs.Unmarshal(evidence, &e.Evidence); err != nil {
		return e, fmt.Errorf("evidence: %w", err)
	}
	return e, nil
}

// scanCourse reads an event, and into last what the row ends with.
func scanCourse(scan func(...any) error, last any) (consent.Event, error) {
	var (
		e           consent.Event
		event, salt sql.RawBytes
		citizen     string
		seq         int64
	)
	if err := scan(&citizen, &seq, &event, &salt, last); err != nil {
		return e, err
	}
	if err := jcs.Unmarshal(event, &e); err != nil {
		return e, fmt.Errorf("event: %w", err)
	}
	if len(salt) != len(e.Salt) {
		return e, fmt.Errorf("salt of %d bytes", len(salt))
	}
	e.Salt = [32]byte(salt)
	e.Citizen, e.CitizenSeq = citizen, seq
	return e, nil
}

// Head answers the highest place that was ever given in a citizen's history.
func (c *Consents) Head(ctx context.Context, citizen string) (int64, error) {
	var head int64
	err := c.db.db.QueryRowContext(ctx, `SELECT COALESCE(MAX(head), 0) FROM (
		SELECT MAX(citizen_seq) AS head FROM consent_events WHERE citizen = $1
		UNION ALL SELECT head FROM consent_erased WHERE citizen = $1) AS heads`, citizen).Scan(&head)
	if err != nil {
		return 0, fmt.Errorf("store consent: %w", err)
	}
	return head, nil
}

// Commit makes events and leaves durable in one transaction, perhaps together
// with others' commits.
func (c *Consents) Commit(ctx context.Context, commit consent.Commit) (again bool, err error) {
	if len(commit.Events) == 0 || len(commit.Events) != len(commit.Leaves) {
		return false, errors.New("store consent: a commit has a leaf for each of its events")
	}
	u := &unit{id: commit.ID, digest: commit.Digest, events: commit.Events, leaves: commit.Leaves, tells: commit.Signals}
	err = c.db.groups.commit(ctx, u)
	switch {
	case err == nil:
		return u.again, nil
	case errors.Is(err, ErrReused):
		return false, consent.ErrReused
	case errors.Is(err, consent.ErrConflict):
		return false, consent.ErrConflict
	}
	return false, fmt.Errorf("store consent: %w", err)
}

func eventRow(e consent.Event) ([]any, error) {
	event, err := json.Marshal(e) // the audit knows it by this spelling
	if err != nil {
		return nil, err
	}
	evidence, err := jcs.Marshal(e.Evidence) // which reads fastest
	if err != nil {
		return nil, err
	}
	return []any{string(e.Grant), e.Seq, e.Citizen, e.CitizenSeq, event, e.Salt[:], evidence}, nil
}

// Propose keeps the latest proposal of a grant.
func (c *Consents) Propose(ctx context.Context, p consent.Proposal) error {
	terms, err := p.Terms.Canonical()
	if err != nil {
		return fmt.Errorf("store proposal: %w", err)
	}
	err = c.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO consent_proposals (grant_id, citizen, terms, nonce, expires)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (grant_id) DO UPDATE
			SET citizen = excluded.citizen, terms = excluded.terms, nonce = excluded.nonce, expires = excluded.expires`,
			string(p.Grant), p.Citizen, terms, p.Nonce[:], p.Expires.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("store proposal: %w", err)
	}
	return nil
}

// Proposal answers the latest proposal of a grant.
func (c *Consents) Proposal(ctx context.Context, id consent.GrantID) (consent.Proposal, error) {
	var (
		p            = consent.Proposal{Grant: id}
		terms, nonce []byte
		expires      int64
	)
	err := c.db.db.QueryRowContext(ctx, `SELECT citizen, terms, nonce, expires FROM consent_proposals WHERE grant_id = $1`, string(id)).
		Scan(&p.Citizen, &terms, &nonce, &expires)
	switch {
	case absent(err):
		return consent.Proposal{}, consent.ErrNoOffer
	case err != nil:
		return consent.Proposal{}, fmt.Errorf("store proposal: %w", err)
	case len(nonce) != len(p.Nonce):
		return consent.Proposal{}, fmt.Errorf("store proposal: a nonce of %d bytes", len(nonce))
	}
	if p.Terms, err = consent.ParseTerms(terms); err != nil {
		return consent.Proposal{}, fmt.Errorf("store proposal: %w", err)
	}
	p.Nonce, p.Expires = [32]byte(nonce), time.UnixMilli(expires).UTC()
	return p, nil
}

// Erase deletes a grant's rows for good. Its leaves stay, marked as tombstones.
func (c *Consents) Erase(ctx context.Context, id consent.GrantID) error {
	err := c.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := tombstones(ctx, tx, id); err != nil {
			return err
		}
		for _, statement := range []string{
			`INSERT INTO consent_erased (citizen, head)
				SELECT citizen, MAX(citizen_seq) FROM consent_events WHERE grant_id = $1 GROUP BY citizen
				ON CONFLICT (citizen) DO UPDATE SET head = excluded.head WHERE excluded.head > consent_erased.head`,
			`DELETE FROM consent_events WHERE grant_id = $1`,
			`DELETE FROM consent_proposals WHERE grant_id = $1`,
			`DELETE FROM consent_due WHERE grant_id = $1`,
			`DELETE FROM signals WHERE grant_id = $1 AND audience LIKE 'citizen:%'`,
			`DELETE FROM signals_dead WHERE grant_id = $1 AND audience LIKE 'citizen:%'`,
		} {
			if _, err := tx.ExecContext(ctx, statement, string(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("erase grant: %w", err)
	}
	c.db.settle(ctx)
	return nil
}
