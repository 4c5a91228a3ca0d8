-- +goose Up
CREATE INDEX oauth_logins_session ON oauth_logins (session);
CREATE INDEX oauth_logins_citizen ON oauth_logins (citizen);
CREATE INDEX oauth_logins_seen ON oauth_logins (seen);
CREATE INDEX oauth_logouts_next ON oauth_logouts (next);

-- +goose Down
SELECT 1;
