// Package ovenbird is the vocabulary of the product: titles, licenses, windows,
// countries, collections, and the snapshot of a catalog that a bake reads. Every
// other package speaks in these types; this one imports only the standard
// library and knows no storage, no wire format and no policy.
package ovenbird
