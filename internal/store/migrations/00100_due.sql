-- +goose Up
-- When the clock ends each grant or offer that nothing has ended yet. A row is
-- a reminder, not the truth: whoever acts on it reads the events first.
CREATE TABLE consent_due (
	grant_id TEXT PRIMARY KEY,
	due BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
