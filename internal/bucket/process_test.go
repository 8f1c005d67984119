package bucket_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"ovenbird/internal/bucket"
)

// countIn names the folder in which a copy of this test binary counts.
const countIn = "BUCKET_TEST_COUNT_IN"

const countPerProcess = 10

// TestSwapExcludesOtherProcesses has processes add to one number.
func TestSwapExcludesOtherProcesses(t *testing.T) {
	if dir := os.Getenv(countIn); dir != "" {
		count(t, openDisk(t, dir))
		return
	}
	const processes = 3
	dir := t.TempDir()
	running := make([]*exec.Cmd, processes)
	for i := range running {
		running[i] = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSwapExcludesOtherProcesses$")
		running[i].Env = append(os.Environ(), countIn+"="+dir)
		if err := running[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range running {
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	}
	body, _, err := openDisk(t, dir).Read(t.Context(), "n")
	if want := strconv.Itoa(processes * countPerProcess); err != nil || string(body) != want {
		t.Errorf("counted to %s, %v; want %s", body, err, want)
	}
}

func count(t *testing.T, b *bucket.Bucket) {
	t.Helper()
	for done := 0; done < countPerProcess; {
		body, version, err := b.Read(t.Context(), "n")
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(body)) // 0 where there is no object yet
		_, err = b.Swap(t.Context(), "n", []byte(strconv.Itoa(n+1)), version)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, bucket.ErrChanged):
			t.Fatal(err)
		}
	}
}
