// Package engine runs durable workflows on DBOS Transact. A workflow is a
// function made of steps; what a step returned is written down, so that after a
// crash the workflow goes on behind the last step that finished. Workflows that
// must not run side by side share a queue that runs one at a time.
//
// The engine keeps its state in a database of its own, beside the catalog.
package engine
