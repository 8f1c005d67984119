// Package faults breaks the real program from outside and holds what is left
// against what has to be: every acknowledged write is there, the release that is
// served is whole and of one bake, nothing is shown where or when it may not be,
// and all work comes to an end by itself. docs/reliability.md lists the faults
// and what they showed. It is tests only, and they need Linux on amd64: a tracer
// stops the program between two of its system calls.
//
// OVENBIRD_SEED repeats a run, OVENBIRD_SOAK=N makes it long: `make soak`.
package faults
