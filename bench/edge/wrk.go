package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

func findWrk() (path string, there bool) {
	path, err := exec.LookPath("wrk")
	return path, err == nil
}

// runWrk loads a server with wrk, which knows whole seconds only.
func runWrk(ctx context.Context, wrk string, o options, url string, fields header) (count int64, took time.Duration, err error) {
	arguments := []string{
		"--threads", "1", "--connections", strconv.Itoa(o.connections),
		"--duration", strconv.Itoa(int(math.Ceil(o.load.Seconds()))) + "s",
	}
	for name, value := range fields {
		arguments = append(arguments, "--header", name+": "+value)
	}
	out, err := exec.CommandContext(ctx, wrk, append(arguments, url)...).Output() //nolint:gosec // the flags of whoever measures
	if err != nil {
		return 0, 0, fmt.Errorf("run wrk: %w", err)
	}
	return parseWrk(string(out))
}

var (
	wrkTotal  = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([0-9.]+)(ms|s|m),`)
	wrkErrors = regexp.MustCompile(`(?m)^\s*Socket errors: .*$`)
)

// parseWrk reads what wrk prints.
func parseWrk(out string) (count int64, took time.Duration, err error) {
	if failed := wrkErrors.FindString(out); failed != "" {
		return 0, 0, fmt.Errorf("wrk tells of %s", failed)
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
