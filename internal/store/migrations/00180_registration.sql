-- +goose Up
-- Initial access tokens (RFC 7591, 3): how many clients may still be registered by
-- one, until when, and for which scopes.
CREATE TABLE registry_initial (
	hash TEXT PRIMARY KEY,
	uses BIGINT NOT NULL,
	scopes TEXT NOT NULL,
	expires BIGINT NOT NULL
);

-- Clients that registered themselves, and the hash of the token by which each
-- manages its registration (RFC 7592, 3).
CREATE TABLE registry_registrations (
	client TEXT PRIMARY KEY,
	token TEXT NOT NULL,
	scopes TEXT NOT NULL
);

-- +goose Down
SELECT 1;
