// Package importer brings files into the catalog: NDJSON with one record a line,
// or CSV and TSV through a Mapping that says what becomes of each column. It
// streams, in bounded memory and in batches of one transaction each; a row that
// is wrong goes to a rejects file with its line and the reason, and the rest
// goes in. Importing the same file again changes nothing, so an import that was
// interrupted is finished by running it again.
//
// docs/import.md describes the formats.
package importer
