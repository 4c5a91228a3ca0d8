-- +goose Up
-- One row: which replica gives leaves their places, and until when. Safety does
-- not rest on it; the tree's compare-and-swap does that.
CREATE TABLE log_lease (
	id BIGINT PRIMARY KEY CHECK (id = 1),
	holder TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	expires BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
