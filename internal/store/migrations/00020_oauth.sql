-- +goose Up
-- What may be used once, and was: client assertions, DPoP proofs.
CREATE TABLE oauth_once (
	scope TEXT NOT NULL,
	id TEXT NOT NULL,
	expires BIGINT NOT NULL,
	PRIMARY KEY (scope, id)
);

-- Pushed authorization requests, under the hash of their request_uri.
CREATE TABLE oauth_pushed (
	hash TEXT PRIMARY KEY,
	client TEXT NOT NULL,
	request TEXT NOT NULL,
	expires BIGINT NOT NULL
);

-- Authorization requests on their way through the pages.
CREATE TABLE oauth_requests (
	id TEXT PRIMARY KEY,
	version BIGINT NOT NULL,
	request TEXT NOT NULL,
	expires BIGINT NOT NULL
);

-- Authorization codes, under their hash; used ones stay for a day.
CREATE TABLE oauth_codes (
	hash TEXT PRIMARY KEY,
	code TEXT NOT NULL,
	used BOOLEAN NOT NULL,
	expires BIGINT NOT NULL
);

-- What a citizen gave a client; tokens end with it.
CREATE TABLE oauth_grants (
	id TEXT PRIMARY KEY,
	citizen TEXT NOT NULL,
	content TEXT NOT NULL,
	revoked BOOLEAN NOT NULL,
	expires BIGINT NOT NULL
);

CREATE TABLE oauth_access (
	jti TEXT PRIMARY KEY,
	grant_id TEXT NOT NULL,
	content TEXT NOT NULL,
	revoked BOOLEAN NOT NULL,
	expires BIGINT NOT NULL
);

CREATE TABLE oauth_refresh (
	hash TEXT PRIMARY KEY,
	grant_id TEXT NOT NULL,
	used BOOLEAN NOT NULL,
	expires BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
