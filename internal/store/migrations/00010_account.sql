-- +goose Up
-- A resident who has enrolled. salt_key is the root of the salts of this
-- person's log entries.
CREATE TABLE citizens (
	id TEXT PRIMARY KEY,
	resident TEXT NOT NULL UNIQUE,
	salt_key BYTEA NOT NULL,
	created BIGINT NOT NULL
);

-- Officers' orders to enrol, by the hash of the one-time code. ended is 0 until
-- the code is used or a newer order takes its place.
CREATE TABLE enrolment_orders (
	code_hash TEXT PRIMARY KEY,
	resident TEXT NOT NULL,
	replacing BOOLEAN NOT NULL,
	orders TEXT NOT NULL,
	expires BIGINT NOT NULL,
	tries BIGINT NOT NULL,
	ended BIGINT NOT NULL
);

-- Passkeys; ended is 0 while one lives. Rows stay, so that a credential id never
-- comes back for somebody else.
CREATE TABLE passkeys (
	id TEXT PRIMARY KEY,
	citizen TEXT NOT NULL REFERENCES citizens (id),
	credential BYTEA NOT NULL,
	jwk BYTEA NOT NULL,
	device TEXT NOT NULL,
	added BIGINT NOT NULL,
	last_used BIGINT NOT NULL,
	ended BIGINT NOT NULL
);

-- The history of a citizen's passkeys, with the salts of its leaves.
CREATE TABLE passkey_events (
	citizen TEXT NOT NULL REFERENCES citizens (id),
	seq BIGINT NOT NULL CHECK (seq > 0),
	event BYTEA NOT NULL,
	salt BYTEA NOT NULL,
	PRIMARY KEY (citizen, seq)
);

-- Challenges and what belongs to them, deleted on first use.
CREATE TABLE ceremonies (
	ceremony_key TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	owner TEXT NOT NULL,
	data BYTEA NOT NULL,
	expires BIGINT NOT NULL
);

-- Sessions, by the hash of their token.
CREATE TABLE sessions (
	hash TEXT PRIMARY KEY,
	citizen TEXT NOT NULL REFERENCES citizens (id),
	passkey TEXT NOT NULL REFERENCES passkeys (id),
	auth_time BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	amr TEXT NOT NULL
);

-- A citizen's name in a sector, and the way back.
CREATE TABLE pseudonyms (
	sector TEXT NOT NULL,
	citizen TEXT NOT NULL REFERENCES citizens (id),
	sub TEXT NOT NULL,
	PRIMARY KEY (sector, citizen),
	UNIQUE (sector, sub)
);

-- What was spent of a budget in a window.
CREATE TABLE budgets (
	name TEXT NOT NULL,
	begins BIGINT NOT NULL,
	spent BIGINT NOT NULL,
	PRIMARY KEY (name, begins)
);

-- +goose Down
SELECT 1;
