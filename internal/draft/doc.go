// Package draft keeps groups of edits to the catalog apart from it until they are
// published: all at once, or not at all.
//
// A draft remembers of each record what was there when it was drafted. Where that
// has changed since, publishing refuses the whole draft and says what changed.
// Publication is one transaction with the catalog's own, so of any number of
// processes one publishes a draft, once. docs/admin-api.md is for those who use it.
package draft
