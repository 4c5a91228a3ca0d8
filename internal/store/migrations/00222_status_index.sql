-- +goose Up
CREATE INDEX status_changes_credential ON status_changes (credential, version);

-- +goose Down
SELECT 1;
