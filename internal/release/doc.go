// Package release says how a release lies in the bucket, and reads, writes,
// publishes and collects releases there.
//
// A release maps keys (an edition and a path in it) to rows, and a row maps
// classes of countries to objects, which are the bytes that a viewer gets or a
// list of slots to make them from. Objects are named by their SHA-256, rows lie
// in a Merkle tree whose shape depends on nothing but the rows, and what
// changes by itself within the release's horizon is a list of patches. So equal
// contents have equal roots, whoever made them in whatever order, and two
// releases share whatever is the same in both.
//
// All of it lies in packs, which are written once. The head is the one object
// that changes, by compare-and-swap, and only to name what is complete.
//
// docs/release-format.md describes the bytes.
package release
