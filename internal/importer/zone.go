package importer

import "time"

// inZone returns the instant at which clocks in a zone show what t's own clock
// shows. Where they show it twice, because they were set back, it is the first
// time; where they never do, because they were set forward, it is as long after
// the jump as the shown time is after its beginning. So a day always begins with
// its first instant, and windows that abut as written abut as instants. (Package
// time takes either side and does not say which.)
func inZone(t time.Time, zone *time.Location) time.Time {
	wall := shown(t)
	// No zone is a whole day from UTC: clocks that are going to change around then
	// have not done so a day before, and have a day after.
	const day = 24 * time.Hour
	before := wall.Add(-offset(wall.Add(-day), zone))
	after := wall.Add(-offset(wall.Add(day), zone))
	switch {
	case offset(before, zone) == wall.Sub(before):
		return before.In(zone)
	case offset(after, zone) == wall.Sub(after):
		return after.In(zone)
	default:
		return before.In(zone)
	}
}

// shown returns what t's own clock shows, as if it were UTC.
func shown(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// offset returns how far a zone's clocks are ahead of UTC at an instant.
func offset(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
