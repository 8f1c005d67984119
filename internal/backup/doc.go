// Package backup writes the tables of a database to one file, and puts them back,
// on SQLite or PostgreSQL, whichever it was on before.
//
// A backup is of one moment, while others write. It holds every table that the
// migrations of the given features make, row by row, in a form that is the same on
// both databases, so restoring on the other one is moving. What is derived from
// other tables is left out, and so is what is not in the database: the engine's
// state, and releases.
//
// The file is a line with the format's version, then, compressed with zstd, a line
// with the Manifest's head, then per table its rows as JSON arrays and a line with
// their number and hash; and at the end the SHA-256 of everything before.
package backup
