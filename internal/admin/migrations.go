package admin

import "io/fs"

// Migrations returns the files that make the API's tables, for who backs them up.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }
