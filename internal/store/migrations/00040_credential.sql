-- +goose Up
-- Credentials that were issued. revoked is 0 or when.
CREATE TABLE credentials (
	id TEXT PRIMARY KEY,
	citizen TEXT NOT NULL,
	vct TEXT NOT NULL,
	config TEXT NOT NULL,
	issued BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	list TEXT NOT NULL,
	list_index BIGINT NOT NULL,
	holder TEXT NOT NULL,
	device TEXT NOT NULL,
	acceptance TEXT NOT NULL,
	revoked BIGINT NOT NULL,
	UNIQUE (list, list_index)
);

-- Status lists: the bit array that is published, counted up by each change.
CREATE TABLE status_lists (
	id TEXT PRIMARY KEY,
	version BIGINT NOT NULL,
	created BIGINT NOT NULL,
	bits BIGINT NOT NULL,
	data BYTEA NOT NULL
);

-- Offers of credentials. redeemed is 0 or when.
CREATE TABLE credential_offers (
	id TEXT PRIMARY KEY,
	version BIGINT NOT NULL,
	citizen TEXT NOT NULL,
	config TEXT NOT NULL,
	grant_kind TEXT NOT NULL,
	tx_code BYTEA,
	tries BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	redeemed BIGINT NOT NULL
);

-- Nonces that were spent, kept until they expire.
CREATE TABLE credential_nonces (
	nonce TEXT PRIMARY KEY,
	expires BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
