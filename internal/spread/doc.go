// Package spread keeps how far releases have spread: which edges there are, which
// release each of them serves and since when, and how long each step took, from
// the bake's rendering to the edge's switching over.
//
// Edges report what changed, and now and then that they are alive. Reports are
// collected and written together, so a thousand edges that take a release over at
// once make one transaction. All of it may be lost without harm: edges report
// again.
package spread
