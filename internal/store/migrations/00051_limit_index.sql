-- +goose Up
CREATE INDEX limit_windows_ends ON limit_windows (ends);

-- +goose Down
SELECT 1;
