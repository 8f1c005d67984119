-- +goose Up

-- The site's catalog files that were imported, as they were then.
CREATE TABLE site_files (
    name TEXT PRIMARY KEY, -- within the site
    hash TEXT NOT NULL     -- SHA-256 of the content, in hex
);

-- +goose Down

DROP TABLE site_files;
