package bake

import "time"

// retryAfter is how long after a bake that failed it is tried again.
const retryAfter = 5 * time.Second

// A bake that takes in burstChanges changes or more is part of a burst, such as an
// import. The next one waits for Debounce, or burstPauses times as long as the bake
// took, so that the process has time for other things than baking; while the burst
// goes on for twice as long each time, up to maxDebounces. After a bake of fewer
// changes it waits for as much less: after one of a single change, for a hundredth.
const (
	burstChanges = 100
	burstPauses  = 4
	maxDebounces = 10
)

// burst says when the changes of the catalog are due to be baked: at once, unless a
// bake has taken in many just now. What comes while a bake runs or is waited for
// makes one bake together.
type burst struct {
	debounce  time.Duration
	baked     int64         // sequence number of the last change that was baked
	pause     time.Duration // after the last bake
	notBefore time.Time     // when the next one may begin
	failed    bool          // whether the last one failed
}

// due reports whether it is time to bake what the catalog has come to.
func (b *burst) due(sequence int64, now time.Time) bool {
	return (b.failed || sequence != b.baked) && !now.Before(b.notBefore)
}

// done takes in a bake that began at an instant and took in the changes up to a
// sequence number.
func (b *burst) done(sequence int64, began, now time.Time) {
	pause := min(max(b.debounce, burstPauses*now.Sub(began), 2*b.pause), maxDebounces*b.debounce)
	changes := min(max(sequence-b.baked, 0), burstChanges)
	b.baked, b.failed = sequence, false
	b.pause = pause * time.Duration(changes) / burstChanges
	b.notBefore = now.Add(b.pause)
}

// fail takes in a bake that failed: it is due again after a while, changed catalog
// or not.
func (b *burst) fail(now time.Time) { b.failed, b.notBefore = true, now.Add(retryAfter) }
