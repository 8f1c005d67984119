// Package source follows databases and feeds that others keep: it reads each of
// them whole, in one consistent transaction, and brings the catalog to what it
// says.
//
// A run reads everything before anything is written. It is held, and the last
// good content stays, where the source failed, where columns that a mapping
// reads changed, or where more of its records vanished than usual: a person
// decides. docs/sources.md describes it for people.
package source
