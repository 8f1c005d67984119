-- +goose Up

-- How long the steps of the newest releases took. Durations are nanoseconds; instants are RFC 3339 in UTC with microseconds, so
-- that their order is that of the text.
CREATE TABLE spread_releases (
    release      TEXT PRIMARY KEY,
    published_at TEXT NOT NULL,
    render_ns    BIGINT NOT NULL,
    write_ns     BIGINT NOT NULL,
    publish_ns   BIGINT NOT NULL
);

-- The edges that have been heard of within a day.
CREATE TABLE spread_edges (
    name          TEXT PRIMARY KEY,
    countries     TEXT NOT NULL,   -- codes with a comma between; '' is all
    release       TEXT NOT NULL,   -- that it serves; '' where it has none
    since         TEXT NOT NULL,   -- when it began to, by this side's clock
    heard_at      TEXT NOT NULL,
    skew_ns       BIGINT NOT NULL, -- how far its clock is behind, with the time that its report took
    failure       TEXT NOT NULL,   -- why it can not follow; '' where it can
    failing_since TEXT NOT NULL
);

-- How an edge came to serve a release, the first time.
CREATE TABLE spread_times (
    release  TEXT NOT NULL,
    edge     TEXT NOT NULL,
    at       TEXT NOT NULL,        -- when it was reported
    known_at TEXT NOT NULL,        -- when the edge saw the head, by this side's clock; '' where it was not awake for it
    fetch_ns BIGINT NOT NULL,
    swap_ns  BIGINT NOT NULL,
    PRIMARY KEY (release, edge)
);

-- +goose Down

DROP TABLE spread_times;
DROP TABLE spread_edges;
DROP TABLE spread_releases;
