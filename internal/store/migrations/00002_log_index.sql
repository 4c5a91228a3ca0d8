-- +goose Up
CREATE INDEX log_leaves_hash ON log_leaves (leaf_hash);
CREATE INDEX log_pending_added ON log_pending (added, commit_id, position);

-- +goose Down
SELECT 1;
