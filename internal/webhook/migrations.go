package webhook

import "io/fs"

// Migrations returns the files that make the tables of webhooks, for who backs them up.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }
