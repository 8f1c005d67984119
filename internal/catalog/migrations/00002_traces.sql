-- +goose Up

-- Of which traces changes are a part, by the last change of each batch. There is
-- nothing in it where nobody traces.
CREATE TABLE change_traces (
    sequence    BIGINT PRIMARY KEY,
    traceparent TEXT NOT NULL
);

-- +goose Down

DROP TABLE change_traces;
