-- A small content database, as a team might have it: sqlite3 cms.db < database.sql
CREATE TABLE film (
    id      INTEGER PRIMARY KEY,
    title   TEXT NOT NULL,
    summary TEXT,
    year    INTEGER,
    minutes INTEGER,
    state   TEXT NOT NULL -- draft, released
);
CREATE TABLE genre (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE film_genre (film INTEGER NOT NULL REFERENCES film (id), genre INTEGER NOT NULL REFERENCES genre (id));
CREATE TABLE rights (
    id        INTEGER PRIMARY KEY,
    film      INTEGER NOT NULL REFERENCES film (id),
    country   TEXT NOT NULL,
    first_day DATE NOT NULL,
    last_day  DATE -- NULL: for good
);

INSERT INTO film VALUES
    (1, 'The Lighthouse Keeper''s Cat', 'A cat minds the light.', 2019, 12, 'released'),
    (2, 'Northern Post', 'A letter takes its time.', 2021, 95, 'released'),
    (3, 'Säde', 'One summer day.', 2023, 81, 'released'),
    (4, 'Unfinished', NULL, NULL, NULL, 'draft');
INSERT INTO genre VALUES (1, 'animation'), (2, 'drama');
INSERT INTO film_genre VALUES (1, 1), (2, 2), (3, 2);
INSERT INTO rights VALUES
    (1, 1, '*', '2020-01-01', NULL), (2, 2, 'FI', '2022-01-01', NULL), (3, 2, 'SE', '2022-01-01', NULL), (4, 3, 'FI', '2023-06-01', NULL);
