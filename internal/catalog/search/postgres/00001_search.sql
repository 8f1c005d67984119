-- +goose Up

-- What is indexed: the version of the words (words.Version), and the number of the
-- last change that is in. A version of 0 is an index that has to be made.
CREATE TABLE search_state (
    version  BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);
INSERT INTO search_state (version, sequence) VALUES (0, 0);

-- Titles and collections that have texts, and their words, as Go has made them;
-- those of names have the weight A.
CREATE TABLE search_owners (
    type  TEXT NOT NULL,
    id    TEXT COLLATE "C" NOT NULL,
    terms tsvector NOT NULL,
    PRIMARY KEY (type, id)
);
-- A search reads what is not sorted into the index yet from front to back.
CREATE INDEX search_owners_terms ON search_owners USING gin (terms) WITH (gin_pending_list_limit = 128);

-- +goose Down

DROP TABLE search_owners;
DROP TABLE search_state;
