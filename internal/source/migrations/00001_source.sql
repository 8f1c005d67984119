-- +goose Up

-- What became of the runs of each source. The columns hold JSON.
CREATE TABLE sources (
    name      TEXT PRIMARY KEY,
    last_run  TEXT NOT NULL,
    last_good TEXT, -- NULL: there was none yet
    held      TEXT  -- what a person has to decide about; NULL: nothing
);

-- Who a record comes from: one source at most.
CREATE TABLE source_records (
    type   TEXT NOT NULL,
    id     TEXT NOT NULL,
    source TEXT NOT NULL,
    gone   BOOLEAN NOT NULL, -- the source has it no longer, and it was left
    PRIMARY KEY (type, id)
);
CREATE INDEX source_records_source ON source_records (source);

-- +goose Down

DROP TABLE source_records;
DROP TABLE sources;
