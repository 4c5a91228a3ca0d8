package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Passkeys implements audit.Events.
func (a *Audit) Passkeys(ctx context.Context, each func(audit.Keys) error) error {
	living, err := a.living(ctx)
	if err != nil {
		return err
	}
	var keys audit.Keys
	var citizen string
	done := func() error {
		if citizen == "" {
			return nil
		}
		for _, row := range living[citizen] {
			key, err := row.PublicKey()
			keys.Err = errors.Join(keys.Err, err)
			keys.Living = append(keys.Living, key)
		}
		delete(living, citizen)
		return each(keys)
	}
	err = a.all(ctx, func(scan func(...any) error) error {
		var of string
		var text, salt []byte
		if err := scan(&of, &text, &salt); err != nil {
			return err
		}
		if of != citizen {
			if err := done(); err != nil {
				return err
			}
			citizen, keys = of, audit.Keys{Name: "passkeys of " + of}
		}
		e, _, err := decoded[approval.KeyEvent](text)
		keys.Err = errors.Join(keys.Err, err)
		keys.History = append(keys.History, approval.KeyRecord{Event: e, Salt: salt})
		return nil
	}, `SELECT citizen, event, salt FROM passkey_events ORDER BY citizen, seq`)
	if err == nil {
		err = done()
	}
	if err != nil {
		return err
	}
	for of := range living {
		if err := each(audit.Keys{Name: "passkeys of " + of, Err: fmt.Errorf("they have no history")}); err != nil {
			return err
		}
	}
	return nil
}

// living are the passkeys that can log in, by citizen.
func (a *Audit) living(ctx context.Context) (map[string][]account.PasskeyRow, error) {
	rows := map[string][]account.PasskeyRow{}
	err := a.all(ctx, func(scan func(...any) error) error {
		var p account.PasskeyRow
		if err := scan(&p.Citizen, &p.Credential, &p.JWK); err != nil {
			return err
		}
		rows[p.Citizen] = append(rows[p.Citizen], p)
		return nil
	}, `SELECT citizen, credential, jwk FROM passkeys WHERE ended = 0 ORDER BY citizen, added, id`)
	return rows, err
}
