-- +goose Up
-- How a citizen wants to hear that something happened: one row for each who does.
-- address is an e-mail address or a push subscription; code, as a hash, what
-- proves a new address.
CREATE TABLE notices (
	citizen TEXT PRIMARY KEY,
	channel TEXT NOT NULL,
	lang TEXT NOT NULL,
	address BYTEA NOT NULL,
	code TEXT NOT NULL,
	code_until BIGINT NOT NULL,
	code_tries BIGINT NOT NULL,
	told BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
