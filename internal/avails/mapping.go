package avails

import _ "embed"

//go:embed licenses.mapping.yaml
var licensesMapping []byte

//go:embed titles.mapping.yaml
var titlesMapping []byte

// Mapping returns the mapping to use where a user has none of their own, and its
// name for messages: it makes licenses of the transactions, for titles that have
// the ContentIDs as ids, and, where titles is true, those titles as well.
func Mapping(titles bool) (name string, text []byte) {
	if titles {
		return "avails/titles.mapping.yaml", titlesMapping
	}
	return "avails/licenses.mapping.yaml", licensesMapping
}
