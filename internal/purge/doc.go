// Package purge tells the caches in front of an edge which documents they must
// not keep any longer.
//
// An edge's answers say until when they may be kept, and never past the instant
// at which the document changes by itself. What nobody could know ahead is an
// edit. So whenever an edge goes on to another release, whatever that says
// otherwise is named to the caches, by the keys that answers carry
// (Surrogate-Key, Cache-Tag).
//
// It is the edge that answered which tells, after it has switched over: a cache
// that was told earlier would fetch the old document again. What is to be told
// is on disk before the first answer of a release goes out, and stays there
// until each cache has confirmed it, so that no crash and no outage loses it.
// Each cache is told twice, because an answer that was on its way when the edge
// switched over may arrive after the first time.
//
// docs/cdn.md is for operators.
package purge
