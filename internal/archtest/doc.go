// Package archtest holds the rules of the house that a compiler does not check:
// which package may import which, where a third-party module may appear, what
// must be documented, how long things get. Each rule is a function from a
// package's syntax to what breaks it; the tests run every rule on this module,
// and on small bad examples in testdata, so that a rule is known to catch what
// it forbids. The package exports nothing: it is here for its tests.
package archtest
