-- +goose Up
CREATE INDEX credential_deferrals_citizen ON credential_deferrals (citizen, state);
CREATE INDEX credential_deferrals_state ON credential_deferrals (state, created);

-- +goose Down
SELECT 1;
