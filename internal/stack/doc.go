// Package stack keeps versions of service stacks.
//
// A version of a stack is a bundle: an immutable archive of the stack's files,
// named by a hash over their paths, modes and contents. Two bundles of the same
// name are the same, wherever and whenever they were made, so a version that was
// tested in one environment is the one that another gets. Bundles lie in an
// environment's bucket, and what runs since when in its database.
//
// The package knows no kind of stack: to it, a stack is files. Where they come from
// is git, or a folder.
package stack
