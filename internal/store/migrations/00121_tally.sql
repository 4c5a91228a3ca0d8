-- +goose Up
-- Months' public counts, as published: what is withheld was never kept.
CREATE TABLE public_months (
	month TEXT PRIMARY KEY,
	content TEXT NOT NULL
);

-- +goose Down
SELECT 1;
