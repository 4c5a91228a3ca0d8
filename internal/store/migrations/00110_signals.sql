-- +goose Up
-- What is to be told: one row for each audience, from the commit that it comes
-- of until the audience has heard it. seq is given later, by whoever tells.
CREATE TABLE signals (
	id TEXT PRIMARY KEY,
	audience TEXT NOT NULL,
	seq BIGINT,
	kind TEXT NOT NULL,
	grant_id TEXT NOT NULL,
	use_number BIGINT NOT NULL,
	place BIGINT NOT NULL,
	at BIGINT NOT NULL,
	txn TEXT NOT NULL,
	UNIQUE (audience, seq)
);

-- How far each audience's numbers are, who is telling it and until when, how
-- often that failed in a row and when it is tried next.
CREATE TABLE signal_streams (
	audience TEXT PRIMARY KEY,
	seq BIGINT NOT NULL,
	holder TEXT NOT NULL,
	until BIGINT NOT NULL,
	tries BIGINT NOT NULL,
	next BIGINT NOT NULL
);

-- What could not be told, and why.
CREATE TABLE signals_dead (
	id TEXT PRIMARY KEY,
	audience TEXT NOT NULL,
	seq BIGINT NOT NULL,
	kind TEXT NOT NULL,
	grant_id TEXT NOT NULL,
	use_number BIGINT NOT NULL,
	place BIGINT NOT NULL,
	at BIGINT NOT NULL,
	txn TEXT NOT NULL,
	reason TEXT NOT NULL,
	buried BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
