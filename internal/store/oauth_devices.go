package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// PutDevice implements oauth.DeviceStore.
func (o *OAuth) PutDevice(ctx context.Context, d oauth.Device) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("store device: %w", err)
	}
	n, err := o.exec(ctx, "device",
		`INSERT INTO oauth_devices (hash, user_hash, content, state, answer, polled, pause, expires)
		 VALUES ($1, $2, $3, $4, '', 0, $5, $6) ON CONFLICT (user_hash) DO NOTHING`,
		d.Hash, d.User, string(text), d.State, d.Pause.Milliseconds(), d.Expires.UnixMilli())
	return exactly(n, err, oauth.ErrConflict)
}

const deviceColumns = `content, state, answer, polled, pause`

// device reads a row, and when it was last polled.
func device(row interface{ Scan(...any) error }) (d oauth.Device, polled int64, err error) {
	var text, state, answer string
	var pause int64
	if err := row.Scan(&text, &state, &answer, &polled, &pause); err != nil {
		return d, 0, gone("device", err)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, 0, fmt.Errorf("store device: %w", err)
	}
	d.State, d.Pause = state, time.Duration(pause)*time.Millisecond
	if answer != "" {
		err = json.Unmarshal([]byte(answer), &d.Answer)
	}
	return d, polled, err
}

// Device implements oauth.DeviceStore.
func (o *OAuth) Device(ctx context.Context, hash string) (oauth.Device, error) {
	d, _, err := device(o.db.db.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM oauth_devices WHERE hash = $1`, hash))
	return d, err
}

// DeviceOf implements oauth.DeviceStore.
func (o *OAuth) DeviceOf(ctx context.Context, user string, now time.Time) (oauth.Device, error) {
	d, _, err := device(o.db.db.QueryRowContext(ctx,
		`SELECT `+deviceColumns+` FROM oauth_devices WHERE user_hash = $1 AND state = $2 AND expires > $3`,
		user, oauth.DevicePending, now.UnixMilli()))
	return d, err
}

// PollDevice implements oauth.DeviceStore.
func (o *OAuth) PollDevice(ctx context.Context, hash string, now time.Time, more, most time.Duration) (oauth.Device, error) {
	var d oauth.Device
	err := o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var polled int64
		var err error
		d, polled, err = device(tx.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM oauth_devices WHERE hash = $1`, hash))
		if err != nil {
			return err
		}
		if d.Early = polled != 0 && now.Sub(time.UnixMilli(polled)) < d.Pause; d.Early {
			d.Pause = min(d.Pause+more, most)
		}
		_, err = execTx(ctx, tx, `UPDATE oauth_devices SET polled = $1, pause = $2 WHERE hash = $3`,
			now.UnixMilli(), d.Pause.Milliseconds(), hash)
		return err
	})
	return d, err
}

// AnswerDevice implements oauth.DeviceStore.
func (o *OAuth) AnswerDevice(ctx context.Context, id string, version int64, hash string, yes *oauth.DeviceAnswer, now time.Time) error {
	state, answer, citizen := oauth.DeviceDenied, "", ""
	if yes != nil {
		text, err := json.Marshal(yes)
		if err != nil {
			return fmt.Errorf("store device: %w", err)
		}
		state, answer, citizen = oauth.DeviceApproved, string(text), yes.Citizen
	}
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `DELETE FROM oauth_requests WHERE id = $1 AND version = $2`, id, version)
		if err := exactly(n, err, oauth.ErrGone); err != nil {
			return err
		}
		n, err = execTx(ctx, tx, `UPDATE oauth_devices SET state = $1, answer = $2, citizen = $3 WHERE hash = $4 AND state = $5 AND expires > $6`,
			state, answer, citizen, hash, oauth.DevicePending, now.UnixMilli())
		return exactly(n, err, oauth.ErrGone)
	})
}

// RedeemDevice implements oauth.DeviceStore.
func (o *OAuth) RedeemDevice(ctx context.Context, hash string, g oauth.Grant, t oauth.Tokens) error {
	return o.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := execTx(ctx, tx, `UPDATE oauth_devices SET state = $1 WHERE hash = $2 AND state = $3`,
			oauth.DeviceUsed, hash, oauth.DeviceApproved)
		if err := exactly(n, err, oauth.ErrUsed); err != nil {
			return err
		}
		return putGrant(ctx, tx, g, t)
	})
}
