-- +goose Up

-- Who changed what. Instants are RFC 3339 in UTC with milliseconds.
CREATE TABLE ledger_records (
    sequence BIGINT PRIMARY KEY, -- 1, 2, 3… in the order of commits, without gaps
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    target   TEXT NOT NULL,
    revision TEXT NOT NULL,      -- the commit of git; '' where there is none
    dirty    INTEGER NOT NULL,   -- 1: files differed from the commit
    why      TEXT NOT NULL,
    before   TEXT,               -- JSON; NULL where there was nothing, or it is not known
    after    TEXT,
    previous TEXT NOT NULL,      -- hash of the record before; '' for the first
    hash     TEXT NOT NULL       -- over all the columns above
);
CREATE INDEX ledger_records_action ON ledger_records (action, target, sequence);

-- What the running hash over the catalog's feed was after which entry.
CREATE TABLE ledger_seals (
    last     BIGINT PRIMARY KEY, -- number of the last entry in it
    first    BIGINT NOT NULL,
    previous TEXT NOT NULL,      -- running hash before; '' before the first entry
    hash     TEXT NOT NULL,      -- and after
    marks    TEXT NOT NULL       -- the beginning of the hash of each entry, to tell which one was changed
);

-- The last record, and the last checkpoint that this database knows of.
CREATE TABLE ledger_head (
    sequence   BIGINT NOT NULL,
    hash       TEXT NOT NULL,
    checkpoint BIGINT NOT NULL
);
INSERT INTO ledger_head (sequence, hash, checkpoint) VALUES (0, '', 0);

-- +goose Down

DROP TABLE ledger_head;
DROP TABLE ledger_seals;
DROP TABLE ledger_records;
