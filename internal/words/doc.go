// Package words says what text is to a search: how it is compared, where in it a
// word begins, and what its words are. The search baked for viewers and that in
// the catalog go by it, and the storefront's words.js says the same in JavaScript
// (docs/search.md); testdata/cases.json holds the two against each other.
package words
