-- +goose Up

-- What a token may do, and the SHA-256 of it: the token itself is nowhere.
CREATE TABLE admin_tokens (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    hash       TEXT NOT NULL, -- hexadecimal
    created_at TEXT NOT NULL,
    expires_at TEXT,          -- NULL: never
    used_at    TEXT,          -- to the minute; NULL: never
    revoked_at TEXT           -- NULL: it is good. The row stays: its name is in the feed of changes
);

-- Answers to requests with an Idempotency-Key, to be given again.
CREATE TABLE admin_answers (
    token   TEXT NOT NULL REFERENCES admin_tokens (id),
    key     TEXT NOT NULL,
    request TEXT NOT NULL,    -- hash of what was asked
    at      TEXT NOT NULL,
    status  INTEGER NOT NULL, -- 0 while it is worked on
    headers TEXT NOT NULL,    -- JSON
    body    TEXT NOT NULL,
    PRIMARY KEY (token, key)
);
CREATE INDEX admin_answers_at ON admin_answers (at);

-- +goose Down

DROP TABLE admin_answers;
DROP TABLE admin_tokens;
