-- +goose Up
CREATE INDEX oauth_codes_citizen ON oauth_codes (citizen);
CREATE INDEX oauth_devices_citizen ON oauth_devices (citizen);

-- +goose Down
SELECT 1;
