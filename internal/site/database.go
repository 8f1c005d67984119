package site

import (
	"errors"
	"net/url"
)

// CheckDatabase says what is wrong with the URL of a database as it stands in an
// environment or behind --database. Its errors repeat nothing of the URL, which
// may have a password in it.
func CheckDatabase(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("the URL of a database is postgres://USER@HOST:PORT/NAME; without one, it is SQLite in the folder for data")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return errors.New("the URL of the database has a password in it, where others can see it: leave it out, " +
			"and put it in PGPASSWORD or in the file ~/.pgpass")
	}
	return nil
}

func (r *environmentReader) database(v variable) string {
	if v.text == "" {
		return ""
	}
	if err := CheckDatabase(v.text); err != nil {
		r.at(v.place, "%s: %v", databaseVariable, err)
		return ""
	}
	return v.text
}
