package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// grown is a full bake of one size. The largest of each dimension is the size that
// the flags say, the smallest a quarter of that; all else is as the flags say.
type grown struct {
	Dimension string  `json:"dimension"` // titles, countries or applications
	Of        int     `json:"of"`        // how many of them
	Documents int     `json:"logical_documents"`
	Seconds   float64 `json:"seconds"`
	CPU       float64 `json:"cpu_seconds"`
	// Ratio is by how much it took more processor time than the smallest, Times how
	// much larger it is.
	Times int     `json:"times"`
	Ratio float64 `json:"ratio"`
}

// growth is how full bakes grow.
type growth []grown

// String writes the figures for people.
func (g growth) String() string {
	var b strings.Builder
	for _, one := range g {
		fmt.Fprintf(&b, "%d times as many %-12s %6d  %9d documents  %7.2f s  %7.2f s of processors, %.2f times as much\n",
			one.Times, one.Dimension, one.Of, one.Documents, one.Seconds, one.CPU, one.Ratio)
	}
	return b.String()
}

func scale(ctx context.Context, z size) (growth, error) {
	var all growth
	for dimension, of := range map[string]func(*size) *int{
		"titles":       func(z *size) *int { return &z.titles },
		"countries":    func(z *size) *int { return &z.countries },
		"applications": func(z *size) *int { return &z.applications },
	} {
		var smallest float64
		for _, times := range []int{1, 2, 4} {
			smaller := z
			*of(&smaller) = max(1, *of(&z)*times/4)
			one, err := bakeOf(ctx, smaller)
			if err != nil {
				return nil, err
			}
			if times == 1 {
				smallest = one.CPU
			}
			one.Dimension, one.Of, one.Times, one.Ratio = dimension, *of(&smaller), times, one.CPU/smallest
			all = append(all, one)
		}
	}
	return all, nil
}

// bakeOf bakes everything of a size.
func bakeOf(ctx context.Context, z size) (g grown, err error) {
	o, err := newOven(ctx, z)
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, o.close(ctx)) }()
	var f figures
	before := processorTime()
	err = o.full(ctx, &f)
	return grown{Documents: f.LogicalDocuments, Seconds: f.ColdSeconds, CPU: (processorTime() - before).Seconds()}, err
}

// processorTime returns what this process has taken of all processors.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
