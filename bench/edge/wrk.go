package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// What makes a load.
const (
	byWrk  = "wrk"
	byHand = "go" // this program
)

func findWrk() (path string, there bool) {
	path, err := exec.LookPath("wrk")
	return path, err == nil
}

// by returns what makes the load: wrk where it is installed and can. It can not
// wait for the end of HEAD.
func (t *target) by() string {
	if _, there := findWrk(); there && t.mode != headOnly {
		return byWrk
	}
	return byHand
}

// pipelining makes wrk send the requests of a batch at once.
const pipelining = `init = function(arguments)
  local batch = {}
  for i = 1, tonumber(arguments[1]) do batch[i] = wrk.format(nil, wrk.path) end
  requests = table.concat(batch)
end
request = function() return requests end
`

// runWrk loads a server with wrk. It knows whole seconds only, so it is told to
// end, upon which it tells how long it took.
func runWrk(ctx context.Context, wrk string, o *options, t *target) (count int64, took time.Duration, err error) {
	arguments := []string{
		"--threads", "1", "--connections", strconv.Itoa(o.connections),
		"--duration", strconv.Itoa(int(math.Ceil(o.load.Seconds()))+10) + "s",
	}
	for name, value := range t.fields {
		arguments = append(arguments, "--header", name+": "+value)
	}
	if t.mode == pipelined {
		script := filepath.Join(o.dir, "pipelined.lua")
		if err := os.WriteFile(script, []byte(pipelining), 0o600); err != nil {
			return 0, 0, err
		}
		arguments = append(arguments, "--script", script, t.url, "--", strconv.Itoa(t.batch()))
	} else {
		arguments = append(arguments, t.url)
	}
	const attempts = 5
	for range attempts {
		out, err := interrupted(ctx, o.load, wrk, arguments...)
		if err != nil {
			return 0, 0, err
		}
		if out != "" {
			return parseWrk(out, t.status)
		}
	}
	return 0, 0, fmt.Errorf("wrk does not get to its work within %v: make -load longer", o.load)
}

// interrupted runs wrk, tells it to end after a while, and returns what it prints.
// That is nothing if it was not yet prepared to be told.
func interrupted(ctx context.Context, after time.Duration, wrk string, arguments ...string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	command := exec.CommandContext(limited, wrk, arguments...) //nolint:gosec // the flags of whoever measures
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	var out, failures bytes.Buffer
	command.Stdout, command.Stderr = &out, &failures
	err := command.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil && limited.Err() == nil {
		return "", fmt.Errorf("run wrk: %w: %s", err, &failures)
	}
	return out.String(), nil
}

var (
	wrkTotal   = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([0-9.]+)(ms|s|m),`)
	wrkErrors  = regexp.MustCompile(`(?m)^\s*Socket errors: .*$`)
	wrkRefused = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: .*$`)
)

// parseWrk reads what wrk prints of answers that were to have a status.
func parseWrk(out string, status int) (count int64, took time.Duration, err error) {
	if failed := wrkErrors.FindString(out); failed != "" {
		return 0, 0, fmt.Errorf("wrk tells of %s", failed)
	}
	if refused := wrkRefused.FindString(out); refused != "" && status < http.StatusBadRequest {
		return 0, 0, fmt.Errorf("wrk tells of %s", refused)
	}
	total := wrkTotal.FindStringSubmatch(out)
	if total == nil {
		return 0, 0, fmt.Errorf("wrk does not tell its total: %q", out)
	}
	if count, err = strconv.ParseInt(total[1], 10, 64); err != nil {
		return 0, 0, err
	}
	if took, err = time.ParseDuration(total[2] + total[3]); err != nil {
		return 0, 0, err
	}
	if count == 0 || took <= 0 {
		return 0, 0, errors.New("wrk got no answer")
	}
	return count, took, nil
}
