// Package facts answers what is true of a title in one edition at one instant:
// in which countries it is visible, what it is called there, until when it
// stays. It is where licenses, ratings, publication and locale chains are
// judged, and the only place.
//
// A fact varies by country and by nothing else. Every method therefore takes
// one country and returns, beside the value, the set of countries in which the
// value is the same. Whoever builds a document from facts intersects those sets
// as it goes, and ends with the class of countries that document is right for.
package facts
