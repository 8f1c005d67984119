// Package catalog is the system of record: titles, licenses and collections in
// SQL tables, and the feed of every change to them.
//
// All writing goes through Store.Apply, which takes a batch of Records (the
// same language that an import file is written in), and commits their effect
// together with one feed entry per change. A record that changes nothing leaves
// no entry, so importing the same file twice is importing it once.
//
// All reading that a bake does goes through Store.Snapshot and Store.Refresh,
// which hand out immutable ovenbird.Snapshots.
package catalog
