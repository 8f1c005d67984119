// Package origin lets edges read releases over HTTP from a process that has the
// bucket, without credentials for it: the release endpoint, and an edge's side of
// it.
//
// The endpoint serves the head and the packs of the releases that the head names,
// and nothing else of the bucket. It tells by server-sent events that the head has
// changed, and takes reports of edges in. Every request carries a bearer token.
//
// An edge's Client reads through one or several such endpoints, as if they were
// the bucket. Its Listener tells the edge to look at once when one of them has
// news, and its Reporter says what became of that. None of the three is needed to
// serve: an origin that is gone, stalls or talks nonsense costs freshness.
package origin
