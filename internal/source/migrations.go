package source

import "io/fs"

// Migrations returns the files that make the sources' tables, for who backs them up.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }
