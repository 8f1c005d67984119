-- +goose Up

-- What became of the runs of each source. The columns hold JSON. Whose records
-- are is in the ledger of imports.
CREATE TABLE sources (
    name      TEXT PRIMARY KEY,
    last_run  TEXT NOT NULL,
    last_good TEXT, -- NULL: there was none yet
    held      TEXT  -- what a person has to decide about; NULL: nothing
);

-- +goose Down

DROP TABLE sources;
