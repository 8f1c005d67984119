-- +goose Up

-- Who wants to be told of what. Instants are RFC 3339 in UTC with milliseconds, so that their order is that of the text.
CREATE TABLE webhook_subscriptions (
    id           TEXT PRIMARY KEY,
    url          TEXT NOT NULL,
    events       TEXT NOT NULL,    -- types of events, JSON
    secret       TEXT NOT NULL,    -- signs; it can not be a hash
    active       INTEGER NOT NULL, -- 1 or 0
    why          TEXT NOT NULL,    -- it was disabled; '' where a person did it, or nobody
    created_at   TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    attempts     INTEGER NOT NULL, -- that failed, at the delivery that is next
    next_at      TEXT NOT NULL,    -- not before this instant
    leased_by    TEXT NOT NULL,    -- the process that delivers; '' where none does
    leased_until TEXT NOT NULL     -- when it is taken for dead
);

-- The outbox: one row for each event and subscription.
CREATE TABLE webhook_deliveries (
    subscription TEXT NOT NULL REFERENCES webhook_subscriptions (id),
    number       BIGINT NOT NULL,  -- in order
    id           TEXT NOT NULL,    -- the message's
    type         TEXT NOT NULL,
    at           TEXT NOT NULL,
    body         TEXT NOT NULL,
    state        TEXT NOT NULL,    -- pending, delivered
    attempts     INTEGER NOT NULL,
    tried_at     TEXT NOT NULL,    -- '': not yet
    status       INTEGER NOT NULL, -- of the last answer; 0: there was none
    error        TEXT NOT NULL,    -- of the last attempt
    PRIMARY KEY (subscription, number)
);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (state, subscription, number);

-- What has been told.
CREATE TABLE webhook_marks (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    TEXT NOT NULL
);

-- +goose Down

DROP TABLE webhook_marks;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_subscriptions;
