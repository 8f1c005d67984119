package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ovenbird/internal/release"
)

// residence is what it takes to have all variations of a workload in an edge.
type residence struct {
	Titles     int `json:"titles"`
	Variations int `json:"variations"`
	Documents  int `json:"logical_documents"`
	// Seconds from the start of the process until /readyz is 200 and a document is
	// right, medians; and the processor's time until then.
	ColdStart    float64 `json:"edge_start_cold_seconds"`
	ColdStartCPU float64 `json:"edge_start_cold_cpu_seconds"`
	WarmStart    float64 `json:"edge_start_warm_seconds"`
	WarmStartCPU float64 `json:"edge_start_warm_cpu_seconds"`
	// Memory of the last edge, a while after a warm start, and when it has answered
	// with a home screen of each variation.
	RSS          int64  `json:"edge_rss_bytes"`
	Anonymous    int64  `json:"edge_rss_anonymous_bytes"`
	File         int64  `json:"edge_rss_file_bytes"`
	Peak         int64  `json:"edge_rss_peak_bytes"`
	AskedRSS     int64  `json:"edge_rss_asked_bytes"`
	AskedAnon    int64  `json:"edge_rss_asked_anonymous_bytes"`
	ColdPeak     int64  `json:"edge_rss_cold_peak_bytes"`
	DroppedCache string `json:"dropped"` // what the kernel forgot before a cold start
}

// rest is how long after its start an edge is left alone before its memory is read.
const rest = 5 * time.Second

// measureVariations measures an edge with every variation of the workload.
func measureVariations(ctx context.Context, o *options, out io.Writer) (err error) {
	v := variations{cache: filepath.Join(o.dir, "cache")}
	if v.program, err = buildProgram(ctx, o.program, o.dir); err != nil {
		return err
	}
	if v.bucket, v.release, err = o.workload.keep(ctx, cmp.Or(o.bucket, o.dir)); err != nil {
		return err
	}
	if v.sample, err = sampleOf(ctx, v.release); err != nil {
		return err
	}
	manifest := v.release.Manifest()
	r := residence{Titles: o.workload.titles, Documents: manifest.Counts.Documents}
	for _, edition := range manifest.Editions {
		r.Variations += len(edition.Countries)
	}
	if err := v.measure(ctx, o.rounds, &r); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(out).Encode(r)
	}
	return r.write(out)
}

// variations is a release with its edge.
type variations struct {
	program, bucket, cache string
	release                *release.Release
	sample                 sample
}

// start is one start of an edge.
type start struct {
	took, cpu time.Duration
}

// measure starts edges, cold and warm in turn, and looks at the last of them.
func (v *variations) measure(ctx context.Context, rounds int, r *residence) error {
	var cold, warm []start
	for i := range rounds {
		if err := os.RemoveAll(v.cache); err != nil {
			return err
		}
		var err error
		if r.DroppedCache, err = dropCache(v.bucket, filepath.Dir(v.program)); err != nil {
			return err
		}
		if cold, err = v.start(ctx, cold, func(s *server) error {
			had, err := memoryOf(s.command.Process.Pid)
			r.ColdPeak = max(r.ColdPeak, had.peak)
			return err
		}); err != nil {
			return err
		}
		if warm, err = v.start(ctx, warm, func(s *server) error {
			if i < rounds-1 {
				return nil
			}
			return v.reside(ctx, s, r)
		}); err != nil {
			return err
		}
	}
	c, w := medianStart(cold), medianStart(warm)
	r.ColdStart, r.ColdStartCPU = c.took.Seconds(), c.cpu.Seconds()
	r.WarmStart, r.WarmStartCPU = w.took.Seconds(), w.cpu.Seconds()
	return nil
}

// start starts an edge, adds how that went to a list, and looks at the edge
// before it is stopped.
func (v *variations) start(ctx context.Context, list []start, look func(*server) error) (_ []start, err error) {
	began := time.Now()
	s, err := startEdge(ctx, cores{}, v.program, v.bucket, "--country-from", "address", "--cache", v.cache)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if err := s.answers(ctx, v.sample); err != nil {
		return nil, err
	}
	took := time.Since(began)
	cpu, err := processorTime(s.command.Process.Pid)
	if err != nil {
		return nil, err
	}
	return append(list, start{took, cpu}), look(s)
}

// medianStart returns the median of each figure.
func medianStart(list []start) start {
	middle := func(of func(start) time.Duration) time.Duration {
		var all []time.Duration
		for _, s := range list {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return start{
		middle(func(s start) time.Duration { return s.took }), middle(func(s start) time.Duration { return s.cpu }),
	}
}

// reside reads the memory of an edge at rest, and after it has answered with a
// home screen of each variation.
func (v *variations) reside(ctx context.Context, s *server, r *residence) error {
	time.Sleep(rest)
	had, err := memoryOf(s.command.Process.Pid)
	if err != nil {
		return err
	}
	r.RSS, r.Anonymous, r.File = had.resident, had.anonymous, had.file
	if err := askAll(ctx, s, v.release.Manifest().Editions); err != nil {
		return err
	}
	if had, err = memoryOf(s.command.Process.Pid); err != nil {
		return err
	}
	r.AskedRSS, r.AskedAnon, r.Peak = had.resident, had.anonymous, had.peak
	return nil
}

// askAll asks for a home screen of each variation.
func askAll(ctx context.Context, s *server, editions []release.Edition) error {
	for _, edition := range editions {
		for _, country := range edition.Countries {
			path := "/" + string(country) + "/" + edition.Name + "/home.json"
			a, err := ask(ctx, "GET", "http://"+s.address+path, header{"Accept-Encoding": "gzip"})
			if err != nil {
				return err
			}
			if a.status != 200 {
				return fmt.Errorf("the edge answers %s with %d: %.300s", path, a.status, a.body)
			}
		}
	}
	return nil
}

// write writes a table.
func (r residence) write(out io.Writer) error {
	const mebi = 1 << 20
	_, err := fmt.Fprintf(out, "titles, variations, logical documents        %d, %d, %d\n"+
		"start without its cache, %-19s %.2f s, %.2f s of processor time, peak %d MiB\n"+
		"start with it, from memory                   %.2f s, %.2f s of processor time\n"+
		"resident at rest                             %d MiB, %d of them anonymous, %d of files\n"+
		"after a home screen of each variation        %d MiB, %d of them anonymous\n"+
		"peak                                         %d MiB\n",
		r.Titles, r.Variations, r.Documents, "from disk ("+r.DroppedCache+")", r.ColdStart, r.ColdStartCPU, r.ColdPeak/mebi,
		r.WarmStart, r.WarmStartCPU, r.RSS/mebi, r.Anonymous/mebi, r.File/mebi, r.AskedRSS/mebi, r.AskedAnon/mebi, r.Peak/mebi)
	return err
}
