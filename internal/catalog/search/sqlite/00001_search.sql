-- +goose Up

-- What is indexed: the version of the words (words.Version), and the number of the
-- last change that is in. A version of 0 is an index that has to be made.
CREATE TABLE search_state (
    version  BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);
INSERT INTO search_state (version, sequence) VALUES (0, 0);

-- Titles and collections that have texts, and which row of search_terms is theirs.
CREATE TABLE search_owners (
    number INTEGER PRIMARY KEY,
    type   TEXT NOT NULL,
    id     TEXT NOT NULL,
    UNIQUE (type, id)
);

-- Their words, as Go has made them: only to be taken apart at spaces.
CREATE VIRTUAL TABLE search_terms USING fts5(names, others, content = '', contentless_delete = 1, tokenize = 'ascii');

-- +goose Down

DROP TABLE search_terms;
DROP TABLE search_owners;
DROP TABLE search_state;
