package database_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
)

// run runs statements in a database, past the package under test.
func run(t *testing.T, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestACollisionWithAnotherProgramIsTriedAgain(t *testing.T) {
	address := databasetest.Postgres(t)
	db := openNotes(t, database.Config{URL: address})
	if err := db.Tx(t.Context(), insert("a")); err != nil {
		t.Fatal(err)
	}
	runs := 0
	err := db.Tx(t.Context(), func(tx *sql.Tx) error {
		runs++
		var text string
		if err := tx.QueryRowContext(t.Context(), `SELECT text FROM notes`).Scan(&text); err != nil {
			return err
		}
		if runs == 1 {
			run(t, address, `UPDATE notes SET text = 'b'`)
		}
		_, err := tx.ExecContext(t.Context(), `UPDATE notes SET text = $1`, text+"c")
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v; want 2", runs, err)
	}
	var text string
	if err := db.ReadTx(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT text FROM notes`).Scan(&text)
	}); err != nil || text != "bc" {
		t.Errorf("%q, %v; want the other program's b, and c", text, err)
	}
}

const endMyself = `SELECT pg_terminate_backend(pg_backend_pid())`

func TestALostConnectionIsMadeAgain(t *testing.T) {
	db := openNotes(t, database.Config{URL: databasetest.Postgres(t)})
	runs := 0
	err := db.Tx(t.Context(), func(tx *sql.Tx) error {
		if err := insert("x")(tx); err != nil {
			return err
		}
		runs++
		if runs == 1 {
			_, err := tx.ExecContext(t.Context(), endMyself)
			return err
		}
		return nil
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v; want 2", runs, err)
	}
	if n := count(t, db); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

func TestConnectionsLostWhileIdleAreMadeAgain(t *testing.T) {
	address := databasetest.Postgres(t)
	db := openNotes(t, database.Config{URL: address})
	if err := db.Tx(t.Context(), insert("x")); err != nil {
		t.Fatal(err)
	}
	_ = count(t, db)
	run(t, address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if n := count(t, db); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
	if err := db.Tx(t.Context(), insert("y")); err != nil {
		t.Error(err)
	}
}

func TestAConnectionLostInTheCommitIsNotTriedAgain(t *testing.T) {
	address := databasetest.Postgres(t)
	db := openNotes(t, database.Config{URL: address})
	run(t, address,
		`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER die AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
	runs := 0
	err := db.Tx(t.Context(), func(tx *sql.Tx) error { runs++; return insert("x")(tx) })
	if !errors.Is(err, database.ErrUnknown) || runs != 1 {
		t.Errorf("%d runs, %v; want one, and ErrUnknown", runs, err)
	}
}

func TestACrashOfTheServerIsWaitedOutAndLosesNothing(t *testing.T) {
	_ = databasetest.Postgres(t)                                           // skips where there is no PostgreSQL
	cluster, err := databasetest.Start(t.Context(), databasetest.Config{}) // one that nobody else uses
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	address, err := cluster.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db := openNotes(t, database.Config{URL: address})
	acknowledged, unknown := 0, 0
	crashed := make(chan error)
	begun, back := false, false
	for !back || acknowledged < 60 {
		switch err := db.Tx(t.Context(), insert("x")); {
		case err == nil:
			acknowledged++
		case errors.Is(err, database.ErrUnknown):
			unknown++
		default:
			t.Fatal(err)
		}
		if acknowledged == 20 && !begun {
			begun = true
			go func() { crashed <- cluster.Crash() }()
		}
		select {
		case err := <-crashed:
			if err != nil {
				t.Fatal(err)
			}
			back = true
		default:
		}
	}
	if n := count(t, db); n < acknowledged || n > acknowledged+unknown {
		t.Errorf("%d notes; %d were acknowledged, of %d nobody knows", n, acknowledged, unknown)
	}
}

func TestWhatStandsInTheWayOfOpeningIsExplained(t *testing.T) {
	good := databasetest.Postgres(t)
	run(t, good, `DROP ROLE IF EXISTS editor`, `CREATE ROLE editor LOGIN PASSWORD 'right'`,
		`DROP DATABASE IF EXISTS test_latin1`, `CREATE DATABASE test_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`)
	with := func(edit func(u *url.URL)) string {
		u, err := url.Parse(good)
		if err != nil {
			t.Fatal(err)
		}
		edit(u)
		return u.String()
	}
	for _, test := range []struct{ name, url, says string }{
		{"wrong password", with(func(u *url.URL) { u.User = url.UserPassword("editor", "hunter2") }), "give the password in PGPASSWORD or the file ~/.pgpass"},
		{"no such role", with(func(u *url.URL) { u.User = url.UserPassword("nobody", "hunter2") }), "refuses the user or the password"},
		{"no such database", with(func(u *url.URL) { u.User = url.UserPassword("postgres", "hunter2"); u.Path = "/none" }), "createdb --encoding=UTF8 --template=template0 --owner=postgres none"},
		{"may not make tables", with(func(u *url.URL) { u.User = url.UserPassword("editor", "right") }), "ALTER DATABASE"},
		{"not UTF-8", with(func(u *url.URL) { u.Path = "/test_latin1" }), "is encoded in LATIN1, which can not hold every text"},
		{"no such folder", with(func(u *url.URL) { u.RawQuery = "host=/nowhere&password=hunter2" }), "the server does not answer; is it running, and are host and port right"},
		{"nobody listens", "postgres://editor:hunter2@127.0.0.1:1/a", "the server does not answer; is it running, and are host and port right"},
		{"no such host", "postgres://editor:hunter2@no.such.host.invalid/a", "the server does not answer; is it running, and are host and port right"},
		{"not a URL", "postgres://editor:hunter2%@127.0.0.1/a", "its URL, or a PG* variable, can not be read"},
		{"not a port", "postgres://editor:hun/ter2@127.0.0.1/a", "its URL, or a PG* variable, can not be read"},
		{"another database", "mysql://editor:hunter2@127.0.0.1/a", "write postgres://USER@HOST:PORT/NAME"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, err := database.Open(t.Context(), database.Config{URL: test.url})
			if err == nil {
				t.Fatalf("opened %s", db.Name())
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %q, want %q in it", err, test.says)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2") || strings.Contains(err.Error(), "right@") {
				t.Errorf("%q has the password in it", err)
			}
		})
	}
}

func TestTheNameOfADatabaseHasNoPassword(t *testing.T) {
	address := databasetest.Postgres(t)
	db := open(t, database.Config{URL: strings.Replace(address, "postgres@", "postgres:hunter2@", 1)})
	if name := db.Name(); strings.Contains(name, "hunter2") || !strings.HasPrefix(name, "postgres://postgres@") {
		t.Errorf("its name is %s", name)
	}
}

func TestThePasswordMayStandInTheEnvironment(t *testing.T) {
	address := databasetest.Postgres(t)
	viewer := "viewer_" + strings.ToLower(rand.Text())
	run(t, address, `CREATE ROLE `+viewer+` SUPERUSER LOGIN PASSWORD 'right'`)
	t.Setenv("PGPASSWORD", "right")
	db := open(t, database.Config{URL: strings.Replace(address, "postgres@", viewer+"@", 1)})
	if err := db.ReadTx(t.Context(), func(tx *sql.Tx) error { return tx.QueryRowContext(context.Background(), `SELECT 1`).Err() }); err != nil {
		t.Error(err)
	}
}
