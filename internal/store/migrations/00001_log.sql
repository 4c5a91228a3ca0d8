-- +goose Up
-- A commit that is durable: its id, and a digest of what was asked, so that an
-- id used again for something else is refused.
CREATE TABLE commits (
	id TEXT PRIMARY KEY,
	digest BYTEA NOT NULL
);

-- Entries of durable commits that have no place in the log yet.
CREATE TABLE log_pending (
	commit_id TEXT NOT NULL,
	position BIGINT NOT NULL,
	added BIGINT NOT NULL,
	entry BYTEA NOT NULL,
	PRIMARY KEY (commit_id, position)
);

-- Entries with their place.
CREATE TABLE log_leaves (
	leaf_index BIGINT PRIMARY KEY,
	leaf_hash BYTEA NOT NULL,
	commit_id TEXT NOT NULL,
	position BIGINT NOT NULL,
	entry BYTEA NOT NULL,
	UNIQUE (commit_id, position)
);

-- Hash tiles (C2SP tlog-tiles), up to 256 hashes each; the last of a level grows.
CREATE TABLE log_tiles (
	level BIGINT NOT NULL,
	tile BIGINT NOT NULL,
	hashes BYTEA NOT NULL,
	PRIMARY KEY (level, tile)
);

-- One row: the tree as integrated, and the checkpoint signed for it.
CREATE TABLE log_tree (
	id BIGINT PRIMARY KEY CHECK (id = 1),
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	signed BYTEA NOT NULL
);

-- Cosigned checkpoints that were published; a size has one root.
CREATE TABLE log_checkpoints (
	size BIGINT PRIMARY KEY,
	root BYTEA NOT NULL,
	note BYTEA NOT NULL,
	published BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
