-- +goose Up
-- When an operator had a signal that was put aside told again; its week begins then.
ALTER TABLE signals ADD COLUMN resent BIGINT;

-- +goose Down
SELECT 1;
