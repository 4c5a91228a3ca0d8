-- +goose Up
-- Grants that ended before anybody asked for statements of deletion: due at once,
-- so that each is looked at once and gets its right time, or none.
INSERT INTO consent_due (grant_id, due) SELECT grant_id, 0 FROM consent_events WHERE seq = 1
	ON CONFLICT (grant_id) DO NOTHING;

-- +goose Down
SELECT 1;
