-- +goose Up

-- Groups of edits. Instants are RFC 3339 in UTC with milliseconds, so that their order is that of the text.
CREATE TABLE drafts (
    id           TEXT PRIMARY KEY, -- begins with when it was made
    name         TEXT NOT NULL,
    state        TEXT NOT NULL,    -- open, scheduled, published, failed, canceled
    version      INTEGER NOT NULL, -- counts every change to the row or its records
    records      INTEGER NOT NULL, -- how many there are
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    changed_at   TEXT NOT NULL,
    changed_by   TEXT NOT NULL,
    publish_at   TEXT,             -- NULL: when somebody publishes it
    scheduled_by TEXT NOT NULL,    -- '' where nobody has
    published_at TEXT,
    published_by TEXT NOT NULL,    -- '' where nobody has
    changes      INTEGER NOT NULL, -- how many records changed the catalog
    why          TEXT NOT NULL     -- it failed; '' otherwise
);
CREATE INDEX drafts_state ON drafts (state, publish_at);

CREATE TABLE draft_records (
    draft  TEXT NOT NULL REFERENCES drafts (id),
    place  INTEGER NOT NULL,
    type   TEXT NOT NULL,
    id     TEXT NOT NULL,
    record TEXT NOT NULL, -- a line of an import file
    base   TEXT,          -- the record that was there when it was drafted; NULL: there was none
    PRIMARY KEY (draft, type, id)
);

-- +goose Down

DROP TABLE draft_records;
DROP TABLE drafts;
