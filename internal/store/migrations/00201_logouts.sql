-- +goose Up
-- Logins of which a client wants to hear the end (OpenID Connect Back-Channel
-- Logout 1.0, 2.3), and the ends that are to be told.
CREATE TABLE oauth_logins (
	sid TEXT PRIMARY KEY,
	session TEXT NOT NULL,
	citizen TEXT NOT NULL,
	client TEXT NOT NULL,
	subject TEXT NOT NULL,
	seen BIGINT NOT NULL,
	expires BIGINT NOT NULL
);

CREATE TABLE oauth_logouts (
	id TEXT PRIMARY KEY,
	client TEXT NOT NULL,
	subject TEXT NOT NULL,
	sid TEXT NOT NULL,
	tries BIGINT NOT NULL,
	next BIGINT NOT NULL,
	ended BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
