// Package edge serves releases to viewers.
//
// An edge takes a release over from the store, builds everything that it will
// answer with, and puts it behind one atomic pointer. From then on a request
// touches memory and nothing else: no database, no bucket, no lock. What is
// left to do for a request is to find the document (two map lookups and an
// index), to choose a coding, and to write bytes that are ready.
//
// Lists come as templates with slots for cards. The edge puts the cards in when
// it takes a release over, once for each combination of classes that occurs,
// never when it answers.
//
// A release covers a time: what changes by itself within its horizon is known
// ahead. So an entry is a short timeline of versions, and a request reads the
// one that its own clock points to. Nothing has to happen at a transition for
// it to be exact; there is no timer that could be late. Past the horizon nobody
// knows which windows have ended, so the edge refuses.
//
// docs/edge.md describes addresses, headers and problems for those who use them.
package edge
