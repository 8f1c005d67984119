package site

import "testing"

func TestTheExamplesHaveNothingWrong(t *testing.T) {
	for dir, countries := range map[string]int{"../../examples/toons": 62, "../../examples/netflix": 94} {
		s, err := Load(dir)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if len(s.Content.Countries) != countries || len(s.Content.Applications) != 4 {
			t.Errorf("%s has %d countries and %d applications, want %d and 4", dir, len(s.Content.Countries), len(s.Content.Applications), countries)
		}
		for _, f := range s.Check() {
			if f.Level != OK {
				t.Errorf("%s: %s: %s; %s", f.Level, f.Place, f.What, f.Remedy)
			}
		}
	}
}
