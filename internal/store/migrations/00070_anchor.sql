-- +goose Up
-- Proofs that organisations' peers reported a checkpoint committed on their
-- ledger; a size has one, kept as it came.
CREATE TABLE log_anchors (
	size BIGINT PRIMARY KEY,
	root BYTEA NOT NULL,
	proof BYTEA NOT NULL,
	at BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
