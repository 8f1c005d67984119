// Package database opens the SQL database that features keep their tables in,
// brings those tables up to date, and runs transactions.
//
// That is SQLite in one file, set up so that an acknowledged commit survives a
// power cut, or a database on a PostgreSQL server. Callers do not see which:
// they write SQL that both take (docs/decisions/0020-one-sql-text.md), write
// transactions run one after the other, also those of several processes, and
// read transactions see one state.
package database
