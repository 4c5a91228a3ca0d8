-- +goose Up
-- Kiosks that ask (RFC 8628), under the hash of the device code; each is found by
-- the hash of its user code too. The answer names who gave it.
CREATE TABLE oauth_devices (
	hash TEXT PRIMARY KEY,
	user_hash TEXT NOT NULL UNIQUE,
	content TEXT NOT NULL,
	state TEXT NOT NULL,
	answer TEXT NOT NULL,
	polled BIGINT NOT NULL,
	pause BIGINT NOT NULL,
	expires BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
