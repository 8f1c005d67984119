// Package shape says what a document contains. A shape is a GraphQL selection
// over the catalog's schema; Compile checks it and turns it into a plan that
// appends JSON bytes, and a Renderer executes plans over the facts of one view.
//
// What a document contains varies by country and by nothing else. A plan is
// executed for many countries at once: every country-dependent fact it reads
// comes with the countries in which that fact is the same, and the run keeps
// only those. What is left at the end is a class: countries whose documents are
// equal because every fact that went into them is. Each class is rendered once.
//
// A title that stands in a list is a card. A document holds a slot for it, and
// the card is rendered by itself, once for a title however many lists show it.
package shape
