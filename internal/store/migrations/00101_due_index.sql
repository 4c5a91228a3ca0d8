-- +goose Up
CREATE INDEX consent_due_due ON consent_due (due, grant_id);

-- +goose Down
SELECT 1;
