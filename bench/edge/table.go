package main

import (
	"bufio"
	"fmt"
	"io"
)

// figure is one line of the result: doc.go says what each field is.
type figure struct {
	Server            string  `json:"server"`
	Bytes             int     `json:"bytes"` // of the answer's body, 0 where it has none
	Mode              string  `json:"mode"`
	Coding            string  `json:"coding"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	CPU               float64 `json:"cpu_us_per_request"`
	P99               float64 `json:"p99_us"`
	ShareOfFloor      float64 `json:"share_of_floor,omitempty"` // 0 where there is no floor
	Busy              float64 `json:"busy"`
	Load              string  `json:"load"` // what made it: "wrk" or "go"
	Pinned            bool    `json:"pinned"`
}

// contestOf is what makes figures comparable.
func (f figure) contestOf() string { return fmt.Sprint(f.Mode, f.Coding, f.Bytes) }

// table writes figures as Markdown, with what the edge takes of the processor for
// what each server takes.
func table(out io.Writer, figures []figure) error {
	edges := make(map[string]figure)
	for _, f := range figures {
		if f.Server == edgeName {
			edges[f.contestOf()] = f
		}
	}
	w := bufio.NewWriter(out)
	write := func(format string, values ...any) { fmt.Fprintf(w, format, values...) } //nolint:errcheck // Flush tells
	write("| mode | coding | bytes | server | requests/s | CPU µs/request | edge's CPU to it | share of floor | p99 µs | busy | load |\n" +
		"|---|---|--:|---|--:|--:|--:|--:|--:|--:|---|\n")
	for _, f := range figures {
		write("| %s | %s | %d | %s | %.0f | %.1f | %s | %s | %.0f | %.2f | %s |\n", f.Mode, f.Coding, f.Bytes, f.Server,
			f.RequestsPerSecond, f.CPU, ratio(edges[f.contestOf()].CPU, f.CPU), ratio(f.ShareOfFloor, 1), f.P99, f.Busy, f.Load)
	}
	return w.Flush()
}

// ratio returns a to b; a dash where one is missing.
func ratio(a, b float64) string {
	if a <= 0 || b <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}
