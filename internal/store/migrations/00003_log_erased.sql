-- +goose Up
-- Tombstones: leaves whose event was erased. The leaf stays in the log, and
-- nothing opens it any more.
CREATE TABLE log_erased (
	leaf_hash BYTEA PRIMARY KEY
);

-- +goose Down
SELECT 1;
