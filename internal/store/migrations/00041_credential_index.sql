-- +goose Up
CREATE INDEX credentials_citizen ON credentials (citizen, issued);
CREATE INDEX credential_nonces_expires ON credential_nonces (expires);

-- +goose Down
SELECT 1;
