// Package engine runs durable workflows on DBOS Transact. A workflow is a
// function made of steps; what a step returned is written down, so that after a
// crash the workflow goes on behind the last step that finished. Workflows that
// must not run side by side share a queue that runs one at a time; tasks are
// pieces of a workflow that run side by side.
//
// The engine keeps its state in an SQLite file, for one process, or in
// PostgreSQL, for any number. There each process holds a lease; the one that has
// been there longest leads and runs the workflows, all run tasks, and what a
// process whose lease has ended had begun, others finish.
package engine
