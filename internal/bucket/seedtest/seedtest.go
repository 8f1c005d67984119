// Package seedtest runs tests that depend on a seed.
package seedtest

import (
	"os"
	"strconv"
	"sync"
	"testing"
)

// Each runs a test once for each of a few seeds, and for as many times more as
// OVENBIRD_SOAK says. OVENBIRD_SEED runs it for that seed alone: the one that a
// failure names.
func Each(t *testing.T, few int, run func(t *testing.T, seed uint64)) {
	t.Helper()
	first, count := uint64(1), few*max(1, number(t, "OVENBIRD_SOAK"))
	if seed := number(t, "OVENBIRD_SEED"); seed > 0 {
		first, count = uint64(seed), 1
	}
	for seed := first; seed < first+uint64(count); seed++ {
		run(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d: OVENBIRD_SEED=%d runs it alone", seed, seed)
		}
	}
}

func number(t *testing.T, name string) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Locked makes a function for one goroutine one for any number.
func Locked[A, R any](do func(A) R) func(A) R {
	var mu sync.Mutex
	return func(a A) R {
		mu.Lock()
		defer mu.Unlock()
		return do(a)
	}
}

// Dir returns a folder that is gone after the test, in memory where the system has
// such folders: for tests that sync much, and to whom it does not matter whether
// that is so.
func Dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ovenbird-test-") //nolint:usetesting // to say where
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
