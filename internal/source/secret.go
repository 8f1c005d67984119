package source

import (
	"os"
	"path/filepath"
	"strings"

	"ovenbird/internal/ovenbird"
)

// secretFile ends the name of the variable that says in which file a secret is.
const secretFile = "_FILE"

// Secret returns the value of a secret: of the variable with its name, or what
// stands in the file that NAME_FILE names, without white space around it. Lookup
// is os.LookupEnv, or what stands for it. No error contains a value.
func Secret(lookup func(string) (string, bool), name string) (string, error) {
	value, here := lookup(name)
	path, there := lookup(name + secretFile)
	switch {
	case here && there:
		return "", ovenbird.Errorf(ovenbird.Invalid,
			"the secret %[1]s is there twice: remove the variable %[1]s or %[1]s%[2]s", name, secretFile)
	case there:
		body, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return "", ovenbird.Errorf(ovenbird.Unavailable, "read the secret %s: %w", name, err)
		}
		value = string(body)
	case !here:
		return "", ovenbird.Errorf(ovenbird.Unavailable,
			"the secret %[1]s is not there: set the variable %[1]s of this process, or %[1]s%[2]s to the path of a file with it",
			name, secretFile)
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", ovenbird.Errorf(ovenbird.Unavailable, "the secret %s is empty", name)
	}
	return value, nil
}
