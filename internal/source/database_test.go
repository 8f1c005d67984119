package source

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/source/sourcetest"
)

// server is a database for a test, with a connection that may write.
type server struct {
	name    string
	address string
	db      *sql.DB
	// reader returns the address for a user who may only read.
	reader func(t *testing.T) string
}

// servers are all the databases that a source may be.
func servers(t *testing.T) []server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts database servers")
	}
	return []server{postgresServer(t), mariadbServer(t), sqliteServer(t)}
}

func postgresServer(t *testing.T) server {
	t.Helper()
	address := databasetest.Postgres(t)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	// Its own zone and ways to write, so that who counts on them will be found out.
	name := mustParse(t, address).Path[1:]
	mustExec(t, db, "ALTER DATABASE "+name+" SET TimeZone = 'Asia/Kolkata'", "ALTER DATABASE "+name+" SET DateStyle = 'German'",
		"ALTER DATABASE "+name+" SET bytea_output = 'escape'", "ALTER DATABASE "+name+" SET extra_float_digits = -5")
	return server{"PostgreSQL", address, db, func(t *testing.T) string {
		t.Helper()
		user := "reader_" + name
		mustExec(t, db, "CREATE ROLE "+user+" LOGIN PASSWORD 'p@ss:/#'", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+user)
		return sourcetest.As(t, address, user, "p@ss:/#")
	}}
}

func mariadbServer(t *testing.T) server {
	t.Helper()
	address, db := sourcetest.MariaDB(t)
	return server{"MariaDB", address, db, func(t *testing.T) string {
		t.Helper()
		name := mustParse(t, address).Path[1:]
		user := "r" + name[5:20]
		mustExec(t, db, "CREATE USER "+user+"@localhost IDENTIFIED BY 'p@ss:/#'", "GRANT SELECT ON "+name+".* TO "+user+"@localhost")
		return sourcetest.As(t, address, user, "p@ss:/#")
	}}
}

func sqliteServer(t *testing.T) server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cms #1?.db")
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=journal_mode(wal)"}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	mustExec(t, db, "CREATE TABLE made (id TEXT)")
	return server{"SQLite", "sqlite:" + path, db, nil}
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustExec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func mustOpen(t *testing.T, address string) snapshot {
	t.Helper()
	d, err := openDatabase(t.Context(), address, "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close(context.Background()) })
	return d
}

// table reads a query: its columns, then its rows.
func table(t *testing.T, d snapshot, query string) (columns []Column, rows [][]string) {
	t.Helper()
	err := d.read(t.Context(), query,
		func(list []Column) error { columns = list; return nil },
		func(row []string) error { rows = append(rows, slices.Clone(row)); return nil })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return columns, rows
}

// typed is a value in SQL, and what it comes out as.
type typed struct {
	sql  string // an expression, or a type and, after an arrow, what a column of it holds
	kind Kind
	text string
}

func TestValuesComeOutAsTextTheSameWhateverTheServersSettings(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			for i, value := range values[s.name] {
				kind, expression, stored := strings.Cut(value.sql, " <- ")
				query := "SELECT " + value.sql + " AS v"
				if stored {
					name := fmt.Sprintf("v%d", i)
					mustExec(t, s.db, "CREATE TABLE "+name+" (v "+kind+")", "INSERT INTO "+name+" VALUES ("+expression+")")
					query = "SELECT v FROM " + name
				}
				columns, rows := table(t, mustOpen(t, s.address), query)
				if len(rows) != 1 || rows[0][0] != value.text || columns[0] != (Column{"v", value.kind}) {
					t.Errorf("%s gives %v %q, want %s %q", value.sql, columns, rows, value.kind, value.text)
				}
			}
		})
	}
}

var values = map[string][]typed{
	"PostgreSQL": {
		{"NULL::text", Text, ""},
		{"'Ääni – 声 🎬'::varchar(20)", Text, "Ääni – 声 🎬"},
		{"'ab'::char(4)", Text, "ab  "},
		{"9223372036854775807::bigint", Integer, "9223372036854775807"},
		{"7::smallint", Integer, "7"},
		{"12.50::numeric(8,2)", Decimal, "12.50"},
		{"12345678901234567890.123456789::numeric", Decimal, "12345678901234567890.123456789"},
		{"'NaN'::numeric", Decimal, "NaN"},
		{"0.1::float8 + 0.2::float8", Float, "0.30000000000000004"},
		{"true", Boolean, "true"},
		{"false", Boolean, "false"},
		{"NULL::boolean", Boolean, ""},
		{"DATE '2026-01-31'", Date, "2026-01-31"},
		{"TIME '07:05:09'", TimeOfDay, "07:05:09"},
		{"TIMESTAMP '2026-01-31 07:05:09'", Timestamp, "2026-01-31 07:05:09"},
		{"TIMESTAMPTZ '2026-01-31 00:30:00.5+02'", Instant, "2026-01-30T22:30:00.5Z"},
		{"TIMESTAMPTZ 'infinity'", Instant, "infinity"},
		{"'{\"b\": 1, \"a\":[ 2]}'::jsonb", JSON, `{"a": [2], "b": 1}`},
		{"'{\"b\": 1}'::json", JSON, `{"b": 1}`},
		{`'\x00ff'::bytea`, Bytes, "00ff"},
		{"ARRAY['a','b c']", "_text", `{a,"b c"}`},
		{"'550e8400-e29b-41d4-a716-446655440000'::uuid", "uuid", "550e8400-e29b-41d4-a716-446655440000"},
		{"INTERVAL '1 day 2 hours'", "interval", "P1DT2H"},
	},
	"MariaDB": {
		{"NULL", "null", ""},
		{"VARCHAR(20) CHARACTER SET latin1 <- 'Ääni é'", Text, "Ääni é"},
		{"VARCHAR(20) CHARACTER SET utf8mb4 <- '声 🎬'", Text, "声 🎬"},
		{"LONGTEXT CHARACTER SET utf8mb4 <- 'x'", Text, "x"},
		{"ENUM('movie','series') <- 'series'", Text, "series"},
		{"SET('a','b') <- 'a,b'", Text, "a,b"},
		{"BIGINT UNSIGNED <- 18446744073709551615", Integer, "18446744073709551615"},
		{"TINYINT(1) <- 1", Integer, "1"},
		{"YEAR <- 2008", Integer, "2008"},
		{"BIT(1) <- b'1'", "bit", "1"},
		{"BIT(12) <- b'100000000001'", "bit", "2049"},
		{"DECIMAL(8,2) <- 12.5", Decimal, "12.50"},
		{"FLOAT <- 0.1", Float, "0.1"},
		{"DOUBLE <- 0.1", Float, "0.1"},
		{"DATE <- '2026-01-31'", Date, "2026-01-31"},
		{"TIME <- '07:05:09'", TimeOfDay, "07:05:09"},
		{"DATETIME <- '2026-01-31 07:05:09'", Timestamp, "2026-01-31 07:05:09"},
		{"DATETIME(6) <- '2026-01-31 07:05:09.5'", Timestamp, "2026-01-31 07:05:09.5"},
		// The test's connection is in the server's zone, +05:30.
		{"TIMESTAMP NULL <- '2026-01-31 05:30:00'", Instant, "2026-01-31T00:00:00Z"},
		{"VARBINARY(2) <- x'00ff'", Bytes, "00ff"},
		{"BLOB <- 'ab'", Bytes, "6162"},
	},
	"SQLite": {
		{"NULL", Any, ""},
		{"'Ääni – 声 🎬'", Any, "Ääni – 声 🎬"},
		{"9223372036854775807", Any, "9223372036854775807"},
		{"0.1 + 0.2", Any, "0.30000000000000004"},
		{"5.0", Any, "5"},
		{"1e300", Any, "1e+300"},
		{"x'00ff'", Any, "00ff"},
		{"TEXT <- 'x'", Text, "x"},
		{"VARCHAR(3) <- 'longer'", Text, "longer"},
		{"BIGINT <- 7", Integer, "7"},
		{"DECIMAL(8,2) <- 12.5", Decimal, "12.5"},
		{"BOOLEAN <- 1", Boolean, "1"},
		{"DATE <- '2026-01-31'", Date, "2026-01-31"},
		{"DATETIME <- '2026-01-31 07:05:09'", Timestamp, "2026-01-31 07:05:09"},
		{"DATETIME <- '2026-01-31T07:05:09+02:00'", Timestamp, "2026-01-31T07:05:09+02:00"},
		{"DATETIME <- 1767225600", Timestamp, "1767225600"},
		{"JSON <- '{\"a\": 1}'", JSON, `{"a": 1}`},
	},
}

// A writer between two queries does not show.
func TestAllQueriesSeeOneInstant(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			mustExec(t, s.db, "CREATE TABLE titles (id INTEGER PRIMARY KEY)", "INSERT INTO titles VALUES (1)")
			d := mustOpen(t, s.address)
			_, before := table(t, d, "SELECT id FROM titles")
			mustExec(t, s.db, "INSERT INTO titles VALUES (2)", "DELETE FROM titles WHERE id = 1")
			_, after := table(t, d, "SELECT id FROM titles")
			if len(before) != 1 || before[0][0] != "1" || len(after) != 1 || after[0][0] != "1" {
				t.Errorf("one transaction sees %v, then %v", before, after)
			}
			if _, later := table(t, mustOpen(t, s.address), "SELECT id FROM titles"); len(later) != 1 || later[0][0] != "2" {
				t.Errorf("the next transaction sees %v", later)
			}
		})
	}
}

// Even for a user who may write, and with a query that no check has seen.
func TestNothingCanBeWritten(t *testing.T) {
	writes := map[string][]string{
		"PostgreSQL": {
			"INSERT INTO titles VALUES (2)", "WITH x AS (DELETE FROM titles RETURNING id) SELECT * FROM x", "SELECT 1; DELETE FROM titles",
			"COMMIT; DELETE FROM titles", "SELECT nextval('numbers')",
		},
		"MariaDB": {"INSERT INTO titles VALUES (2)", "DELETE FROM titles", "SELECT 1; DELETE FROM titles"},
		"SQLite":  {"INSERT INTO titles VALUES (2)", "DELETE FROM titles"},
	}
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			mustExec(t, s.db, "CREATE TABLE titles (id INTEGER PRIMARY KEY)", "INSERT INTO titles VALUES (1)")
			if s.name == "PostgreSQL" {
				mustExec(t, s.db, "CREATE SEQUENCE numbers")
			}
			for _, query := range writes[s.name] {
				err := mustOpen(t, s.address).read(t.Context(), query, func([]Column) error { return nil }, func([]string) error { return nil })
				if err == nil {
					t.Errorf("%s is done", query)
				}
			}
			if _, rows := table(t, mustOpen(t, s.address), "SELECT id FROM titles"); len(rows) != 1 {
				t.Errorf("the table has %v", rows)
			}
		})
	}
}

func TestRightsToWriteAreToldAndAReaderHasNone(t *testing.T) {
	for _, s := range servers(t) {
		if s.reader == nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			mustExec(t, s.db, "CREATE TABLE titles (id INTEGER PRIMARY KEY)", "INSERT INTO titles VALUES (1)")
			if told, err := mustOpen(t, s.address).rights(t.Context()); err != nil || !strings.Contains(told, "only read") {
				t.Errorf("the rights of one who may write are %q, %v", told, err)
			}
			d := mustOpen(t, s.reader(t))
			if told, err := d.rights(t.Context()); err != nil || told != "" {
				t.Errorf("the rights of a reader are %q, %v", told, err)
			}
			if _, rows := table(t, d, "SELECT id FROM titles"); len(rows) != 1 {
				t.Errorf("the reader sees %v", rows)
			}
		})
	}
}

func TestColumnsAreToldWithoutReading(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			mustExec(t, s.db, "CREATE TABLE titles (id VARCHAR(20), year INTEGER)", "INSERT INTO titles VALUES ('a', 1999)")
			got, err := mustOpen(t, s.address).columns(t.Context(), "SELECT id, year AS released FROM titles ORDER BY id -- all")
			if err != nil || !slices.Equal(got, []Column{{"id", Text}, {"released", Integer}}) {
				t.Errorf("columns are %v, %v", got, err)
			}
		})
	}
}

func TestAWrongQueryIsInvalidAndOneThatFailsMayBeTriedAgain(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, query := range []string{"SELECT id FROM nowhere", "SELECT bogus FROM (SELECT 1 AS one) AS two", "SELECT FROM WHERE"} {
				err := mustOpen(t, s.address).read(t.Context(), query, func([]Column) error { return nil }, func([]string) error { return nil })
				if ovenbird.CodeOf(err) != ovenbird.Invalid {
					t.Errorf("%s gives %v (%s)", query, err, ovenbird.CodeOf(err))
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			rows := 0
			err := mustOpen(t, s.address).read(ctx, thousands[s.name], func([]Column) error { return nil },
				func([]string) error { rows++; cancel(); return nil })
			if err == nil || rows > 5000 {
				t.Errorf("a read that was called off went on for %d rows: %v", rows, err)
			}
		})
	}
}

// thousands is a query with 100,000 rows of a thousand bytes.
var thousands = map[string]string{
	"PostgreSQL": "SELECT n, repeat('x', 1000) AS text FROM generate_series(1, 100000) AS n",
	"MariaDB":    "SELECT seq AS n, repeat('x', 1000) AS text FROM seq_1_to_100000",
	"SQLite": "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000) " +
		"SELECT n, printf('%.*c', 1000, 'x') AS text FROM numbers",
}

func TestTheCallersErrorEndsReading(t *testing.T) {
	mine := errors.New("mine")
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			err := mustOpen(t, s.address).read(t.Context(), thousands[s.name], func([]Column) error { return nil },
				func([]string) error { return mine })
			if !errors.Is(err, mine) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnAddressThatIsNoneIsNotRepeated(t *testing.T) {
	for _, address := range []string{
		"", "postgres", "oracle://me:hunter2@db/cms", "postgres://me:hunter2@db:port/cms", "mysql://me:hunter2@db:port/cms",
		"mysql://me:hunter2@db/", "mysql://me:hunter2@/cms", "mysql://me:hunter2@db/cms?bogus=1", "mysql://me:%zz@db/cms",
		"postgres://me:hunter2@db/cms?sslmode=bogus", "sqlite:", "sqlite:/nowhere/cms.db",
	} {
		_, err := openDatabase(t.Context(), address, t.TempDir(), time.Minute)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s gives %v", address, err)
		}
	}
}
