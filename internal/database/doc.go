// Package database opens the SQL database that features keep their tables in,
// brings those tables up to date, and runs transactions.
//
// Today that is SQLite in one file, set up so that an acknowledged commit
// survives a power cut. Callers write SQL that PostgreSQL would also take (see
// docs/decisions/0020-one-sql-text.md), so that the second database is a matter
// of this package alone.
package database
