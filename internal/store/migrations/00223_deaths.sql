-- +goose Up
-- Whose account was closed by a reported death; citizen is empty when there was
-- none. settled is 0 until nothing is left to end.
CREATE TABLE deaths (
	resident TEXT PRIMARY KEY,
	citizen TEXT NOT NULL,
	order_name TEXT NOT NULL,
	closed BIGINT NOT NULL,
	settled BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
