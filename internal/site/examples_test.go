package site

import "testing"

func TestTheExamplesHaveNothingWrong(t *testing.T) {
	for name, want := range map[string]struct{ countries, applications int }{"toons": {62, 4}, "netflix": {94, 4}, "cms": {3, 1}} {
		dir := "../../examples/" + name
		s, err := Load(dir)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if len(s.Content.Countries) != want.countries || len(s.Content.Applications) != want.applications {
			t.Errorf("%s has %d countries and %d applications, want %+v", dir, len(s.Content.Countries), len(s.Content.Applications), want)
		}
		for _, f := range s.Check() {
			if f.Level != OK {
				t.Errorf("%s: %s: %s; %s", f.Level, f.Place, f.What, f.Remedy)
			}
		}
	}
}
