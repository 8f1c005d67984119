package importer

import "io/fs"

// Migrations returns the files that make the ledger's tables, for who backs them up.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }
