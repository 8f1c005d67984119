-- +goose Up

-- Which source delivered which record, and in which of its runs it last did, so
-- that what a source delivers no more can be told from what it never did.
CREATE TABLE import_records (
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    id     TEXT NOT NULL,
    part   TEXT NOT NULL, -- of the source, that may be complete by itself; '' for none
    run    BIGINT NOT NULL,
    PRIMARY KEY (source, type, id)
);
CREATE INDEX import_records_id ON import_records (type, id);

-- The number of a source's last run.
CREATE TABLE import_sources (
    source TEXT PRIMARY KEY,
    run    BIGINT NOT NULL
);

-- The last run in which a part was delivered as a whole, and the last in which
-- something of it was refused.
CREATE TABLE import_parts (
    source       TEXT NOT NULL,
    part         TEXT NOT NULL,
    complete_run BIGINT NOT NULL,
    refused_run  BIGINT NOT NULL,
    PRIMARY KEY (source, part)
);

-- How far an import has come that has not ended.
CREATE TABLE import_checkpoints (
    import TEXT PRIMARY KEY, -- hash of the file's path and the source
    state  TEXT NOT NULL     -- JSON
);

-- +goose Down

DROP TABLE import_checkpoints;
DROP TABLE import_parts;
DROP TABLE import_sources;
DROP TABLE import_records;
