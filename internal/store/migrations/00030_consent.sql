-- +goose Up
-- What happened to grants: append only, until erased. event is what its digest
-- covers; salt and evidence open it. A grant's state is the fold of its events.
CREATE TABLE consent_events (
	grant_id TEXT NOT NULL,
	seq BIGINT NOT NULL CHECK (seq > 0),
	citizen TEXT NOT NULL,
	citizen_seq BIGINT NOT NULL CHECK (citizen_seq > 0),
	event BYTEA NOT NULL,
	salt BYTEA NOT NULL,
	evidence BYTEA NOT NULL,
	PRIMARY KEY (grant_id, seq),
	UNIQUE (citizen, citizen_seq)
);

-- Terms shown and not yet signed: the latest of each grant.
CREATE TABLE consent_proposals (
	grant_id TEXT PRIMARY KEY,
	citizen TEXT NOT NULL,
	terms BYTEA NOT NULL,
	nonce BYTEA NOT NULL,
	expires BIGINT NOT NULL
);

-- The highest citizen_seq that was erased, so that none is given again.
CREATE TABLE consent_erased (
	citizen TEXT PRIMARY KEY,
	head BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
