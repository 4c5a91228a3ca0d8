-- +goose Up
-- Whose code or answer it is, so that both end with everything else of that person.
ALTER TABLE oauth_codes ADD COLUMN citizen TEXT NOT NULL DEFAULT '';
ALTER TABLE oauth_devices ADD COLUMN citizen TEXT NOT NULL DEFAULT '';

-- +goose Down
SELECT 1;
