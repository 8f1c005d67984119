//go:build linux && amd64

package faults

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// newer builds the program as another version of itself: a copy that says so.
var newer = sync.OnceValues(func() (string, error) {
	program, err := build()
	if err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", err
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	module := "mod\t" + info.Main.Path + "\t"
	other := strings.Repeat("9", len(info.Main.Version))
	body = bytes.ReplaceAll(body, []byte(module+info.Main.Version), []byte(module+other))
	copied := filepath.Join(workshop(), "newer")
	if err := os.WriteFile(copied, body, 0o700); err != nil {
		return "", err
	}
	if info, err = buildinfo.ReadFile(copied); err != nil || info.Main.Version != other {
		return "", fmt.Errorf("the newer program is of version %q: %w", info.Main.Version, err)
	}
	return copied, nil
})

// A bake that one version of the program began is ended by another, newer or
// older, and comes to what it comes to in one.
func TestAnotherBinaryEndsWhatOneBegan(t *testing.T) {
	t.Parallel()
	_, random := draw(t)
	other, err := newer()
	if err != nil {
		t.Fatal(err)
	}
	i := 2 // the step in which a second release is made of an edit
	s := steps()[i]
	prepared := newOven(t)
	s.prepare(prepared)
	whole := prepared.copied()
	effects, _ := s.do(whole, 0)
	expected := s.result(whole)
	programs := []string{prepared.program, other}
	count := 0
	for _, at := range chosen(random, effects) {
		o := prepared.copied()
		var story []string
		// New after old; in every other run, old again after that.
		for n := range 1 + at%2 {
			o.program = programs[n%2]
			if _, where := s.do(o, at); where != "" {
				story = append(story, where)
			}
			at = 1 + random.IntN(at)
		}
		count += len(story)
		o.program = programs[len(story)%2]
		s.do(o, 0)
		if got := s.result(o); !reflect.DeepEqual(got, expected) {
			t.Errorf("killed before %v: it came to %v rather than %v", story, got, expected)
		}
		o.run(second...)
		if out, err := o.try("verify", "--all"); err != nil {
			t.Errorf("killed before %v: %v\n%s", story, err, out)
		}
		if n := o.unfinished(); n != 0 {
			t.Errorf("killed before %v: %d workflows have not ended", story, n)
		}
	}
	t.Logf("%d binaries were killed", count)
	if count == 0 {
		t.Error("none was killed")
	}
}
