package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"strings"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// person is one erasure under way, in its transaction.
type person struct {
	erasure.Gone
	tx          *sql.Tx
	key         []byte // of the salts
	grants      []string
	credentials []string
	names       []string // by which other rows may mean this person
	entries     [][]byte // leaves that lose their events
}

// rows gives each row of a query to f, and closes it before anything else is asked.
func (p *person) rows(ctx context.Context, f func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := p.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// column reads texts.
func (p *person) column(ctx context.Context, into *[]string, query string, args ...any) error {
	return p.rows(ctx, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		*into = append(*into, text)
		return err
	}, query, args...)
}

// unchanged refuses when the history went on, or a credential is not revoked.
func (p *person) unchanged(ctx context.Context) error {
	var head, live int64
	err := p.tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(head), 0) FROM (
		SELECT citizen_seq AS head FROM consent_events WHERE citizen = $1
		UNION ALL SELECT head FROM consent_erased WHERE citizen = $1) AS heads`, p.Citizen).Scan(&head)
	if err != nil {
		return err
	}
	if err := p.tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM credentials WHERE citizen = $1 AND revoked = 0`, p.Citizen).Scan(&live); err != nil {
		return err
	}
	if head != p.Head || live > 0 {
		return erasure.ErrChanged
	}
	return nil
}

func (p *person) read(ctx context.Context) error {
	if err := p.tx.QueryRowContext(ctx, `SELECT salt_key FROM citizens WHERE id = $1 AND resident = $2`, p.Citizen, p.Resident).Scan(&p.key); err != nil {
		return err
	}
	p.names = []string{p.Citizen}
	return errors.Join(
		p.column(ctx, &p.grants, `SELECT DISTINCT grant_id FROM consent_events WHERE citizen = $1`, p.Citizen),
		p.column(ctx, &p.credentials, `SELECT id FROM credentials WHERE citizen = $1`, p.Citizen),
		p.column(ctx, &p.names, `SELECT sub FROM pseudonyms WHERE citizen = $1`, p.Citizen),
	)
}

// bury leaves a tombstone for each leaf whose event goes.
func (p *person) bury(ctx context.Context) error {
	take := func(domain string, salt []byte, digest [32]byte, err error) error {
		one, err := entry(domain, salt, digest, err)
		p.entries = append(p.entries, one)
		return err
	}
	err := p.rows(ctx, func(scan func(...any) error) error {
		var text, salt []byte
		if err := scan(&text, &salt); err != nil {
			return err
		}
		_, digest, err := decoded[consent.Event](text)
		return take(consent.LeafDomain, salt, digest, err)
	}, `SELECT event, salt FROM consent_events WHERE citizen = $1`, p.Citizen)
	if err != nil {
		return err
	}
	err = p.rows(ctx, func(scan func(...any) error) error {
		var text, salt []byte
		if err := scan(&text, &salt); err != nil {
			return err
		}
		_, digest, err := decoded[approval.KeyEvent](text)
		return take(approval.LeafDomain, salt, digest, err)
	}, `SELECT event, salt FROM passkey_events WHERE citizen = $1`, p.Citizen)
	if err != nil {
		return err
	}
	err = p.rows(ctx, func(scan func(...any) error) error {
		i, err := scanCredential(scan)
		if err != nil {
			return err
		}
		salt := account.CitizenRow{Key: p.key}.Salt(credential.SaltLabel(i.ID))
		p.entries = append(p.entries, tlog.Commitment(credential.LeafDomain, salt, i.Digest()),
			tlog.Commitment(credential.LeafDomain, salt, credential.RevocationDigest(i.ID, i.RevokedAt, i.Reason)))
		return nil
	}, `SELECT `+credentialColumns+` FROM credentials WHERE citizen = $1`, p.Citizen)
	if err != nil {
		return err
	}
	if err := p.buryChanges(ctx); err != nil {
		return err
	}
	return eraseLeaves(ctx, p.tx, p.entries)
}

// redact takes the person out of what the operator did. The digest of what the
// log says of an act stays, so that an auditor still finds the two together.
func (p *person) redact(ctx context.Context) error {
	var all []trail.Entry
	for kind, ids := range map[string][]string{trail.Resident: {p.Resident}, trail.Credential: p.credentials, trail.Grant: p.grants} {
		for _, id := range ids {
			err := p.rows(ctx, func(scan func(...any) error) error {
				e, err := scanAct(scan)
				all = append(all, e)
				return err
			}, `SELECT act, step, at, what, uid, login, target_kind, target, outcome, salt FROM operator_acts WHERE target_kind = $1 AND target = $2`, kind, id)
			if err != nil {
				return err
			}
		}
	}
	for _, e := range all {
		statement, err := e.Statement()
		if err != nil {
			return err
		}
		_, body, err := tlog.ParseStatement(statement)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		if _, err := p.tx.ExecContext(ctx, `UPDATE operator_acts SET target = $1, salt = $2 WHERE act = $3 AND step = $4`,
			trail.Erased, sum[:], e.Act, e.Step); err != nil {
			return err
		}
	}
	return nil
}

// strip leaves of credentials their places in the status lists alone: a place is
// never given twice.
func (p *person) strip(ctx context.Context) error {
	for _, id := range p.credentials {
		if _, err := p.tx.ExecContext(ctx, `UPDATE credentials SET id = $1, citizen = '', vct = '', config = '', holder = '', device = '', acceptance = '', reason = '', basis = ''
			WHERE id = $2`, nameless(), id); err != nil {
			return err
		}
		if _, err := p.tx.ExecContext(ctx, `UPDATE status_changes SET credential = '', reason = '' WHERE credential = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes the rest, what refers to a row before the row.
func (p *person) drop(ctx context.Context) error {
	for _, id := range p.grants {
		for _, statement := range []string{`DELETE FROM consent_proposals WHERE grant_id = $1`, `DELETE FROM consent_due WHERE grant_id = $1`} {
			if _, err := p.tx.ExecContext(ctx, statement, id); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"oauth_requests.request.id", "oauth_pushed.request.hash", "oauth_codes.code.hash", "oauth_devices.answer.hash", "ceremonies.data.ceremony_key"} {
		at := strings.Split(name, ".")
		if err := p.dropNamed(ctx, at[0], at[1], at[2]); err != nil {
			return err
		}
	}
	audience := "citizen:" + p.Citizen
	for _, s := range []struct {
		statement, key string
	}{
		{`DELETE FROM oauth_access WHERE grant_id IN (SELECT id FROM oauth_grants WHERE citizen = $1)`, p.Citizen},
		{`DELETE FROM oauth_refresh WHERE grant_id IN (SELECT id FROM oauth_grants WHERE citizen = $1)`, p.Citizen},
		{`DELETE FROM oauth_grants WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM oauth_logouts WHERE subject IN (SELECT sub FROM pseudonyms WHERE citizen = $1)`, p.Citizen},
		{`DELETE FROM oauth_logins WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM consent_events WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM consent_proposals WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM consent_erased WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM signals WHERE audience = $1`, audience},
		{`DELETE FROM signals_dead WHERE audience = $1`, audience},
		{`DELETE FROM signal_streams WHERE audience = $1`, audience},
		{`DELETE FROM notices WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM credential_offers WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM credential_deferrals WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM enrolment_orders WHERE resident = $1`, p.Resident},
		{`DELETE FROM deaths WHERE resident = $1`, p.Resident},
		{`DELETE FROM pseudonyms WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM sessions WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM passkey_events WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM passkeys WHERE citizen = $1`, p.Citizen},
		{`DELETE FROM commits WHERE id = $1`, "account/admit/" + p.Citizen},
		{`DELETE FROM citizens WHERE id = $1`, p.Citizen},
	} {
		if _, err := p.tx.ExecContext(ctx, s.statement, s.key); err != nil {
			return err
		}
	}
	return nil
}

// dropNamed deletes the rows of a short-lived table whose text names the person.
func (p *person) dropNamed(ctx context.Context, table, column, key string) error {
	var gone []string
	err := p.rows(ctx, func(scan func(...any) error) error {
		var id string
		var text []byte
		if err := scan(&id, &text); err != nil {
			return err
		}
		for _, name := range p.names {
			if bytes.Contains(text, []byte(name)) {
				gone = append(gone, id)
				return nil
			}
		}
		return nil
	}, `SELECT `+key+`, `+column+` FROM `+table)
	if err != nil {
		return err
	}
	for _, id := range gone {
		if _, err := p.tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE `+key+` = $1`, id); err != nil { //nolint:gosec // G202: the same
			return err
		}
	}
	return nil
}
