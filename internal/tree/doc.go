// Package tree keeps the documents of a release as plain files in a bucket, for
// CDNs that read a bucket directly: a file for every address that an edge would
// answer, with precompressed copies beside it.
//
// A tree holds the documents of one release as of one instant, and a small state
// object says which. To bring it to another release, or past a transition, only the
// files that differ are written: first those that are new, then those that change,
// at last those that go, so that no list ever links to what is not there. A run
// that was interrupted at any point is made up for by the next.
//
// Plain files do not change by themselves: a Publisher has to be there when a
// license ends. docs/trees.md says what follows from that.
package tree
