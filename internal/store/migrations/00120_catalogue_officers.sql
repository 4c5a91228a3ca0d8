-- +goose Up
-- Changes of the catalogue that officers decide on. id is the snapshot's digest.
CREATE TABLE registry_proposals (
	id TEXT PRIMARY KEY,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	expires BIGINT NOT NULL,
	signatures TEXT NOT NULL,
	content BYTEA NOT NULL
);

-- The two officers' signatures of each catalogue, as JSON; none for those of
-- before four eyes.
ALTER TABLE registry_catalogues ADD COLUMN signatures TEXT;

-- +goose Down
SELECT 1;
