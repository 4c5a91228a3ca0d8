-- +goose Up
-- Each change of a place of a status list, so that it can be shown as it was.
-- credential is empty for a decoy, and once its person is erased.
CREATE TABLE status_changes (
	list TEXT NOT NULL,
	version BIGINT NOT NULL,
	list_index BIGINT NOT NULL,
	credential TEXT NOT NULL,
	was BIGINT NOT NULL,
	became BIGINT NOT NULL,
	reason TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (list, version, list_index)
);

-- +goose Down
SELECT 1;
