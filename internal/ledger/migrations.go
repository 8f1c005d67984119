package ledger

import (
	"embed"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the files that make the tables of the ledger, for who backs them up.
func Migrations() (fs.FS, error) { return fs.Sub(migrations, "migrations") }
