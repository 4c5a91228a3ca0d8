package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Audit reads every domain's events for an auditor; it implements audit.Events.
// It recomputes what the log must hold from the rows, never from leaves that
// the service kept.
type Audit struct{ db *DB }

var _ audit.Events = (*Audit)(nil)

// Audit of this database.
func (db *DB) Audit() *Audit { return &Audit{db} }

// all runs a query and gives each row to f.
func (a *Audit) all(ctx context.Context, f func(scan func(...any) error) error, query string) error {
	rows, err := a.db.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Pending implements audit.Events.
func (a *Audit) Pending(ctx context.Context, each func([]byte) error) error {
	entry := func(scan func(...any) error) error {
		var e []byte
		if err := scan(&e); err != nil {
			return err
		}
		return each(e)
	}
	if err := a.all(ctx, entry, `SELECT entry FROM log_leaves
		WHERE leaf_index >= (SELECT COALESCE(MAX(size), 0) FROM log_checkpoints) ORDER BY leaf_index`); err != nil {
		return err
	}
	return a.all(ctx, entry, `SELECT entry FROM log_pending ORDER BY added, commit_id, position`)
}

// Erased implements audit.Events.
func (a *Audit) Erased(ctx context.Context, each func(tlog.Hash) error) error {
	return a.hashes(ctx, each, `SELECT leaf_hash FROM log_erased`)
}

// Lost implements audit.Events.
func (a *Audit) Lost(ctx context.Context, each func(tlog.Hash) error) error {
	return a.hashes(ctx, each, `SELECT leaf_hash FROM log_leaves WHERE commit_id LIKE '`+sequencer.LostCommit+`%'`)
}

func (a *Audit) hashes(ctx context.Context, each func(tlog.Hash) error, query string) error {
	return a.all(ctx, func(scan func(...any) error) error {
		var hash []byte
		if err := scan(&hash); err != nil {
			return err
		}
		if len(hash) != len(tlog.Hash{}) {
			return errors.New("what stands for an event is no hash")
		}
		return each(tlog.Hash(hash))
	}, query)
}

// Stored implements audit.Events.
func (a *Audit) Stored(ctx context.Context, each func(audit.Stored) error) error {
	if err := a.consents(ctx, each); err != nil {
		return err
	}
	if err := a.passkeys(ctx, each); err != nil {
		return err
	}
	return a.credentials(ctx, each)
}

func (a *Audit) consents(ctx context.Context, each func(audit.Stored) error) error {
	return a.all(ctx, func(scan func(...any) error) error {
		var grant string
		var seq int64
		var text, salt, key []byte
		if err := scan(&grant, &seq, &text, &salt, &key); err != nil {
			return err
		}
		s := audit.Stored{Name: fmt.Sprintf("consent event %s/%d", grant, seq)}
		e, digest, err := decoded[consent.Event](text)
		if err == nil && (string(e.Grant) != grant || e.Seq != seq) {
			err = errors.New("the row's key is not the event's")
		}
		if by, promised := e.Promised(); promised {
			s.Due = by
		}
		label := fmt.Sprintf("%s/%s/%d", consent.LeafDomain, grant, seq)
		s.Entry, s.Err = entry(consent.LeafDomain, salt, digest, errors.Join(err, derived(key, label, salt)))
		return each(s)
	}, `SELECT grant_id, seq, event, salt, salt_key FROM consent_events
		LEFT JOIN citizens ON citizens.id = consent_events.citizen ORDER BY grant_id, seq`)
}

func (a *Audit) passkeys(ctx context.Context, each func(audit.Stored) error) error {
	return a.all(ctx, func(scan func(...any) error) error {
		var citizen string
		var seq int64
		var text, salt, key []byte
		if err := scan(&citizen, &seq, &text, &salt, &key); err != nil {
			return err
		}
		s := audit.Stored{Name: fmt.Sprintf("passkey event %s/%d", citizen, seq)}
		e, digest, err := decoded[approval.KeyEvent](text)
		if err == nil && e.Seq != seq {
			err = errors.New("the row's key is not the event's")
		}
		label := fmt.Sprintf("%s/%d", approval.LeafDomain, seq)
		s.Entry, s.Err = entry(approval.LeafDomain, salt, digest, errors.Join(err, derived(key, label, salt)))
		return each(s)
	}, `SELECT citizen, seq, event, salt, salt_key FROM passkey_events
		LEFT JOIN citizens ON citizens.id = passkey_events.citizen ORDER BY citizen, seq`)
}

// derived checks that a salt comes from the key of the citizen whose row it is:
// an event that was given to somebody else does not.
func derived(key []byte, label string, salt []byte) error {
	if want := (account.CitizenRow{Key: key}).Salt(label); len(key) == 0 || !bytes.Equal(want[:], salt) {
		return errors.New("the row is not of the citizen it names")
	}
	return nil
}

// credentials gives an event for each credential and one for each change of it.
func (a *Audit) credentials(ctx context.Context, each func(audit.Stored) error) error {
	err := a.all(ctx, func(scan func(...any) error) error {
		var key []byte
		i, err := scanCredential(func(columns ...any) error { return scan(append(columns, &key)...) })
		if err != nil {
			return err
		}
		salt := account.CitizenRow{Key: key}.Salt(credential.SaltLabel(i.ID))
		s := audit.Stored{Name: "credential " + i.ID, Entry: tlog.Commitment(credential.LeafDomain, salt, i.Digest())}
		if err := each(s); err != nil || i.Status != credential.Revoked {
			return err
		}
		digest := credential.RevocationDigest(i.ID, i.RevokedAt, i.Reason)
		return each(audit.Stored{Name: "revocation of " + i.ID, Entry: tlog.Commitment(credential.LeafDomain, salt, digest)})
	}, `SELECT credentials.id, citizen, vct, config, issued, expires, list, list_index, holder, device, acceptance, revoked,
		suspended, reason, basis, citizens.salt_key FROM credentials JOIN citizens ON citizens.id = credentials.citizen ORDER BY credentials.id`)
	if err != nil {
		return err
	}
	return a.suspensions(ctx, each)
}

// suspensions gives those and their ends; revocations are the credentials' own.
func (a *Audit) suspensions(ctx context.Context, each func(audit.Stored) error) error {
	return a.all(ctx, func(scan func(...any) error) error {
		var key []byte
		c, err := scanChange(func(columns ...any) error { return scan(append(columns, &key)...) })
		if err != nil {
			return err
		}
		salt := account.CitizenRow{Key: key}.Salt(credential.SaltLabel(c.Credential))
		return each(audit.Stored{Name: fmt.Sprintf("%s %s/%d", c.Op(), c.Credential, c.Version),
			Entry: tlog.Commitment(credential.LeafDomain, salt, c.Digest())})
	}, `SELECT status_changes.credential, status_changes.list, status_changes.list_index, version, was, became, status_changes.reason, at,
		citizens.salt_key FROM status_changes JOIN credentials ON credentials.id = status_changes.credential
		JOIN citizens ON citizens.id = credentials.citizen WHERE became <> 1 ORDER BY status_changes.list, version`)
}

// decoded reads an event's JSON and digests it; a row that is not exactly what
// the service writes for that event was altered, also where the digest does
// not see it.
func decoded[E interface{ Digest() ([32]byte, error) }](text []byte) (e E, digest [32]byte, err error) {
	if err := json.Unmarshal(text, &e); err != nil {
		return e, digest, err
	}
	again, err := json.Marshal(e)
	if err == nil && !bytes.Equal(again, text) {
		err = errors.New("the row is not what the service wrote")
	}
	if err != nil {
		return e, digest, err
	}
	digest, err = e.Digest()
	return e, digest, err
}

func entry(domain string, salt []byte, digest [32]byte, err error) ([]byte, error) {
	if err == nil && len(salt) != 32 {
		err = fmt.Errorf("a salt of %d bytes", len(salt))
	}
	if err != nil {
		return nil, err
	}
	return tlog.Commitment(domain, [32]byte(salt), digest), nil
}

// Histories implements audit.Events.
func (a *Audit) Histories(ctx context.Context, each func(consent.GrantID, []consent.Event) error) error {
	var events []consent.Event
	err := a.all(ctx, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		if err != nil {
			return err
		}
		if len(events) > 0 && events[0].Grant != e.Grant {
			if err := each(events[0].Grant, events); err != nil {
				return err
			}
			events = nil
		}
		events = append(events, e)
		return nil
	}, `SELECT citizen, citizen_seq, event, salt, evidence FROM consent_events ORDER BY grant_id, seq`)
	if err != nil || len(events) == 0 {
		return err
	}
	return each(events[0].Grant, events)
}
