-- +goose Up
-- Anchors that contradicted the tree when their proof came, also of a size that has
-- another proof: the log stops by any of them.
CREATE TABLE log_disputes (
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	proof BYTEA NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (size, root)
);

-- +goose Down
SELECT 1;
