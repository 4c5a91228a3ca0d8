-- +goose Up
CREATE INDEX oauth_once_expires ON oauth_once (expires);
CREATE INDEX oauth_access_expires ON oauth_access (expires);
CREATE INDEX oauth_grants_citizen ON oauth_grants (citizen);

-- +goose Down
SELECT 1;
