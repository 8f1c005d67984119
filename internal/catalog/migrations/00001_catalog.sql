-- +goose Up

-- Everything here is SQL that PostgreSQL takes as well (decision 0020). Instants
-- are RFC 3339 text in UTC with whole seconds, so their text order is their time
-- order. Lists that no query looks into are JSON text.

CREATE TABLE titles (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL,
    parent          TEXT REFERENCES titles (id),
    sort_key        TEXT NOT NULL,
    number          TEXT NOT NULL,
    special         BOOLEAN NOT NULL,
    published       BOOLEAN NOT NULL,
    video           BOOLEAN NOT NULL,
    year            INTEGER NOT NULL,
    runtime_seconds BIGINT NOT NULL,
    added           TEXT,
    facts           TEXT NOT NULL -- genres, cast, directors, origins, images, ratings
);
CREATE INDEX titles_parent ON titles (parent);

CREATE TABLE title_texts (
    title  TEXT NOT NULL REFERENCES titles (id),
    field  TEXT NOT NULL,
    locale TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (title, field, locale)
);

-- Deleted titles: an id that comes back must be what it was.
CREATE TABLE title_tombstones (
    id   TEXT PRIMARY KEY,
    kind TEXT NOT NULL
);

CREATE TABLE licenses (
    id           TEXT PRIMARY KEY,
    title        TEXT NOT NULL REFERENCES titles (id),
    territories  TEXT NOT NULL,
    excluded     TEXT NOT NULL,
    applications TEXT NOT NULL,
    starts_at    TEXT, -- NULL: it has always begun
    ends_at      TEXT, -- NULL: it never comes
    model        TEXT NOT NULL
);
CREATE INDEX licenses_title ON licenses (title);

CREATE TABLE collections (
    id        TEXT PRIMARY KEY,
    sort_key  TEXT NOT NULL,
    published BOOLEAN NOT NULL
);

CREATE TABLE collection_texts (
    collection TEXT NOT NULL REFERENCES collections (id),
    field      TEXT NOT NULL,
    locale     TEXT NOT NULL,
    text       TEXT NOT NULL,
    PRIMARY KEY (collection, field, locale)
);

-- An item may name a title that is not there (yet): readers pass over it.
CREATE TABLE collection_items (
    collection TEXT NOT NULL REFERENCES collections (id),
    title      TEXT NOT NULL,
    position   TEXT NOT NULL,
    PRIMARY KEY (collection, title)
);

-- The number of the last change. Taking numbers from a row that the transaction
-- locks makes their order the order of commits, without gaps.
CREATE TABLE feed (
    sequence BIGINT NOT NULL
);
INSERT INTO feed (sequence) VALUES (0);

CREATE TABLE changes (
    sequence BIGINT PRIMARY KEY,
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    type     TEXT NOT NULL,
    id       TEXT NOT NULL,
    action   TEXT NOT NULL,
    before   TEXT, -- NULL where there was nothing
    after    TEXT  -- NULL where there is nothing any more
);

-- +goose Down

DROP TABLE changes;
DROP TABLE feed;
DROP TABLE collection_items;
DROP TABLE collection_texts;
DROP TABLE collections;
DROP TABLE licenses;
DROP TABLE title_tombstones;
DROP TABLE title_texts;
DROP TABLE titles;
