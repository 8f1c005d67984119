// Package audit holds what is served against what may be served. It judges by
// the independent model (internal/model), which shares no code with the bake: for
// variations and instants of a release it works out every document anew, and
// compares byte for byte with what the release says and, if asked, with what an
// edge answers. It also reads everything that the release refers to and checks
// its hashes.
//
// So it checks that a release is complete and comes from one bake (I2), and that
// nothing is shown outside its window, territory, application or age (I3).
package audit
