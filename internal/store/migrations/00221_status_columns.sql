-- +goose Up
-- suspended is 0 or since when; reason says why that or revoked; basis names the
-- state of the register that the claims are of. decoys is a list's secret.
ALTER TABLE credentials ADD COLUMN suspended BIGINT NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN basis TEXT NOT NULL DEFAULT '';
ALTER TABLE status_lists ADD COLUMN decoys BYTEA;

-- +goose Down
SELECT 1;
