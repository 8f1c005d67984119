package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: Linux promises 100 a second to programs.
const tick = 10 * time.Millisecond

// processorTime returns the user and system time of a process and its children.
func processorTime(pid int) (time.Duration, error) {
	folder := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(folder + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read a process's time, which takes Linux: %w", err)
	}
	total, err := parseStat(string(stat))
	if err != nil {
		return 0, err
	}
	children, err := os.ReadFile(fmt.Sprintf("%s/task/%d/children", folder, pid))
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(children)) {
		id, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		more, err := processorTime(id)
		if err != nil {
			return 0, err
		}
		total += more
	}
	return total, nil
}

// parseStat reads utime and stime from /proc/PID/stat. The name of the program is
// in parentheses, and may hold any others and spaces: fields count from the last.
func parseStat(stat string) (time.Duration, error) {
	_, rest, ok := strings.Cut(stat[max(strings.LastIndexByte(stat, ')'), 0):], " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("%q is not the state of a process", stat)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the state of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
