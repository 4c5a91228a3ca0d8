-- +goose Up
-- What opens an order's subject, for providers that may know the resident.
ALTER TABLE enrolment_orders ADD COLUMN salt BYTEA;

-- +goose Down
SELECT 1;
