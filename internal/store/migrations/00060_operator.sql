-- +goose Up
-- What the operator did, a row for the beginning and one for the end of each act.
CREATE TABLE operator_acts (
	act TEXT NOT NULL,
	step TEXT NOT NULL,
	at BIGINT NOT NULL,
	what TEXT NOT NULL,
	uid BIGINT NOT NULL,
	login BIGINT NOT NULL, -- -1: not known
	target_kind TEXT NOT NULL,
	target TEXT NOT NULL,
	outcome TEXT NOT NULL,
	salt BYTEA NOT NULL,
	PRIMARY KEY (act, step)
);

-- +goose Down
SELECT 1;
