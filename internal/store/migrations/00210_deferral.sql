-- +goose Up
-- Credentials that an operator has to allow first. holders is the keys that they
-- will be bound to, as JSON; decided is 0 or when.
CREATE TABLE credential_deferrals (
	id TEXT PRIMARY KEY,
	version BIGINT NOT NULL,
	batch TEXT NOT NULL,
	citizen TEXT NOT NULL,
	client TEXT NOT NULL,
	config TEXT NOT NULL,
	device TEXT NOT NULL,
	holders BYTEA NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	created BIGINT NOT NULL,
	decided BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
