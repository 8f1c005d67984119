package database

// Dialect tells the databases apart, for the few statements that the two do not
// have in common.
type Dialect int

// The dialects.
const (
	SQLite Dialect = iota
	PostgreSQL
)

// Dialect returns which database it is.
func (db *DB) Dialect() Dialect {
	if _, ok := db.backend.(sqliteFile); ok {
		return SQLite
	}
	return PostgreSQL
}
