-- +goose Up
-- Registered clients: their metadata with the secret's hash.
CREATE TABLE registry_clients (
	id TEXT PRIMARY KEY,
	content TEXT NOT NULL
);

-- Published catalogues, as signed.
CREATE TABLE registry_catalogues (
	version BIGINT PRIMARY KEY,
	jws TEXT NOT NULL
);

-- +goose Down
SELECT 1;
