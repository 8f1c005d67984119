// Package bake makes releases: it computes every document of every variation
// from a snapshot of the catalog as of an instant, and publishes the result.
//
// The computation is a pure function of program, snapshot and instant. It works
// in subjects: a title with its family, a collection, a search prefix, a single
// document. Each subject's rows are made as of the release's instant, and again
// as of each instant inside the horizon at which something in it changes by
// itself; the difference is that instant's patch. An update remakes the subjects
// that an edit or the passing of time touched and leaves the others as they are,
// and comes to the same content as a bake of everything would.
package bake
