-- +goose Up
CREATE INDEX enrolment_orders_resident ON enrolment_orders (resident);
CREATE INDEX passkeys_citizen ON passkeys (citizen);
CREATE INDEX ceremonies_expires ON ceremonies (expires);
CREATE INDEX sessions_citizen ON sessions (citizen);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE INDEX budgets_begins ON budgets (begins);

-- +goose Down
SELECT 1;
