package importer

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestClocksThatAreSetForwardOrBack(t *testing.T) {
	for _, test := range []struct{ what, zone, wall, want string }{
		{"an ordinary time", "Europe/Berlin", "2026-06-15T12:00:00", "2026-06-15T10:00:00Z"},
		{"the last second before a gap", "Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"},
		{"the beginning of a gap", "Europe/Berlin", "2026-03-29T02:00:00", "2026-03-29T01:00:00Z"},
		{"in a gap", "Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"},
		{"the end of a gap", "Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"},
		{"the beginning of an overlap", "Europe/Berlin", "2026-10-25T02:00:00", "2026-10-25T00:00:00Z"},
		{"in an overlap", "Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"},
		{"the end of an overlap", "Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
		{"a gap west of UTC", "America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:30:00Z"},
		{"an overlap west of UTC", "America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z"},
		{"a midnight that does not exist", "America/Havana", "2026-03-08T00:00:00", "2026-03-08T05:00:00Z"},
		{"a midnight that comes twice", "America/Havana", "2026-11-01T00:00:00", "2026-11-01T04:00:00Z"},
		{"half an hour", "Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"},
		{"a day that does not exist", "Pacific/Apia", "2011-12-30T00:00:00", "2011-12-30T10:00:00Z"},
	} {
		t.Run(test.what, func(t *testing.T) {
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			wall, err := time.Parse("2006-01-02T15:04:05", test.wall)
			if err != nil {
				t.Fatal(err)
			}
			if got := inZone(wall, zone).UTC().Format(time.RFC3339); got != test.want {
				t.Errorf("%s in %s is %s, want %s", test.wall, test.zone, got, test.want)
			}
		})
	}
}

// TestWrittenTimesKeepTheirMeaning: what a clock shows is read as an instant at
// which it shows that, unless it never does; and of two such instants as the first.
func TestWrittenTimesKeepTheirMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{
			"UTC", "Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago",
		}).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		const shown = "2006-01-02T15:04:05"
		at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 30*365*24*4).Draw(t, "quarters")) * 15 * time.Minute)
		wall, err := time.Parse(shown, at.In(zone).Format(shown))
		if err != nil {
			t.Fatal(err)
		}
		got := inZone(wall, zone)
		if got.Format(shown) != wall.Format(shown) {
			t.Fatalf("%s in %s is read as %s", wall.Format(shown), zone, got)
		}
		if got.After(at) {
			t.Fatalf("%s in %s is read as %s, and was shown at %s already", wall.Format(shown), zone, got, at)
		}
	})
}
