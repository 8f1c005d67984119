//go:build linux && amd64

package faults

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	s := steps()[slices.IndexFunc(steps(), func(s step) bool { return s.name == "delta" })]
	prepared := newOven(t)
	s.prepare(prepared)
	whole := prepared.copied(t)
	effects := s.do(whole, tracer{}).effects
	expected := s.result(whole)
	s.programs = []string{prepared.program, other}
	kills := 0
	for _, at := range chosen(random, effects, 2) {
		t.Run(strconv.Itoa(at), func(t *testing.T) { kills += s.killed(prepared.copied(t), at, random, expected) })
	}
	t.Logf("%d effects, killed %d times", effects, kills)
	if kills == 0 {
		t.Error("nothing was killed")
	}
}
