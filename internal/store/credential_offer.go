package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/govmydata/mydata/pkg/credential"
)

// AddOffer as credential.OfferStore says.
func (s *Credentials) AddOffer(ctx context.Context, o credential.Offer) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return changed(tx.ExecContext(ctx, `INSERT INTO credential_offers
			(id, version, citizen, config, grant_kind, tx_code, tries, expires, redeemed)
			VALUES ($1, 0, $2, $3, $4, $5, 0, $6, 0) ON CONFLICT (id) DO NOTHING`,
			o.ID, o.Citizen, o.Config, o.Grant, o.TxCode, o.Expires.UnixMilli()))
	})
}

// Offer as credential.OfferStore says.
func (s *Credentials) Offer(ctx context.Context, id string) (credential.Offer, error) {
	var o credential.Offer
	var expires, redeemed int64
	err := s.db.db.QueryRowContext(ctx, `SELECT id, version, citizen, config, grant_kind, tx_code, tries, expires, redeemed
		FROM credential_offers WHERE id = $1`, id).
		Scan(&o.ID, &o.Version, &o.Citizen, &o.Config, &o.Grant, &o.TxCode, &o.Tries, &expires, &redeemed)
	if err != nil {
		return credential.Offer{}, unknown("offer", err)
	}
	o.Expires = time.UnixMilli(expires)
	if redeemed != 0 {
		o.Redeemed = time.UnixMilli(redeemed)
	}
	return o, nil
}

// UpdateOffer as credential.OfferStore says.
func (s *Credentials) UpdateOffer(ctx context.Context, o credential.Offer) error {
	var redeemed int64
	if !o.Redeemed.IsZero() {
		redeemed = o.Redeemed.UnixMilli()
	}
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return changed(tx.ExecContext(ctx, `UPDATE credential_offers SET tries = $1, redeemed = $2, version = version + 1
			WHERE id = $3 AND version = $4`, o.Tries, redeemed, o.ID, o.Version))
	})
}

// SpendNonce as credential.OfferStore says.
func (s *Credentials) SpendNonce(ctx context.Context, nonce string, expires, now time.Time) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM credential_nonces WHERE expires < $1`, now.Add(-onceKept).UnixMilli()); err != nil {
			return err
		}
		return changed(tx.ExecContext(ctx, `INSERT INTO credential_nonces (nonce, expires) VALUES ($1, $2)
			ON CONFLICT (nonce) DO NOTHING`, nonce, expires.UnixMilli()))
	})
}

// EndOffers as credential.OfferStore says.
func (s *Credentials) EndOffers(ctx context.Context, citizen string) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM credential_offers WHERE citizen = $1 AND redeemed = 0`, citizen)
		return err
	})
}

// SweepOffers as credential.OfferStore says.
func (s *Credentials) SweepOffers(ctx context.Context, then time.Time) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM credential_offers WHERE expires < $1`, then.UnixMilli())
		return err
	})
}
