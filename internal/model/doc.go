// Package model says what a site shows, the slow and plain way: who sees which
// title where and when, in which words, and what every document of a variation
// contains at an instant. It is the yardstick for the bake: tests compare every
// document with it, and an audit can judge a release by it.
//
// It shares no code with what it judges. Of this module it knows the vocabulary,
// and of that the data alone: it calls none of the vocabulary's methods and none
// of its functions but those that make errors, and decides everything again, one
// country, one title and one instant at a time, in plain loops. Where the bake
// merges windows, the model asks at every boundary whether the title is visible;
// where the bake computes with sets of countries, the model asks for one. What it
// gives up for that is speed, which it has no use for.
//
// docs/rights.md says in prose what is decided here.
package model
