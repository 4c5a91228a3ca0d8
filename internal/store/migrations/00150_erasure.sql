-- +goose Up
-- Whose rows a court or an authority keeps from being erased, and why: a code.
CREATE TABLE erasure_holds (
	citizen TEXT PRIMARY KEY,
	reason TEXT NOT NULL,
	since BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
