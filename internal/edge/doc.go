// Package edge serves releases to viewers.
//
// An edge takes a release over from the store: which documents there are, where,
// and what they are made of is in memory then, behind one atomic pointer, and their
// bodies lie in packs that it holds open on its disk. It decides nothing when it
// answers. For what was asked for before, and is not out of date, a request finds
// what its address leads to and the document (two lookups), chooses a coding, and
// writes bytes that are ready. The first one who asks waits for them to be read,
// checked by hash, and compressed. What is ready is kept within a number of bytes.
//
// Lists come as templates with slots for cards. The cards are put in when a list is
// first asked for. That they are there is checked when a release changes.
//
// A release covers a time: what changes by itself within its horizon is known
// ahead. So an entry is a short timeline of versions, and a request reads the
// one that its own clock points to. Nothing has to happen at a transition for
// it to be exact; there is no timer that could be late. Past the horizon nobody
// knows which windows have ended, so the edge refuses.
//
// docs/edge.md describes addresses, headers and problems for those who use them.
package edge
