-- +goose Up
-- What readiness writes, and deletes in the same transaction.
CREATE TABLE probes (
	id TEXT PRIMARY KEY,
	filler BYTEA NOT NULL
);

-- What was spent of a budget in a window, by all replicas together.
CREATE TABLE limit_windows (
	name TEXT NOT NULL,
	begins BIGINT NOT NULL,
	ends BIGINT NOT NULL,
	spent BIGINT NOT NULL,
	PRIMARY KEY (name, begins)
);

-- +goose Down
SELECT 1;
