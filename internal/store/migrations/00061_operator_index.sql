-- +goose Up
CREATE INDEX operator_acts_at ON operator_acts (step, at, act);

-- +goose Down
SELECT 1;
