// Package avails reads MDDF Avails: XML in which licensors say what may be shown
// where, when and how. It gives one row for each transaction, with Columns, for a
// mapping of the importer to make records from, and says what is wrong with the
// file: with line, element and remedy.
//
// It reads the versions 2.4 to 2.7, whose namespaces differ, streaming, one Avail
// in memory at a time. What it can not express exactly as licenses (rights in a
// part of a country, starts that hang on another event) it refuses rather than
// rounds: a row is refused, or means what the licensor wrote.
//
// docs/import.md has the columns.
package avails
