-- +goose Up
CREATE INDEX signals_order ON signals (audience, at, grant_id, place);

-- +goose Down
SELECT 1;
