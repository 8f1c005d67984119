package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// options are the flags.
type options struct {
	load        time.Duration
	rate        int
	connections int
	caddy       string
	seed        uint64
	rounds      int
	program     string
	bucket      string
	workload    workload
}

// figure is one line of the result.
type figure struct {
	Server            string  `json:"server"`
	Document          string  `json:"document"` // "small" or "large"
	Bytes             int     `json:"bytes"`    // of the body of an answer to GET, 0 where it has none
	Mode              string  `json:"mode"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	CPU               float64 `json:"cpu_us_per_request"`
	P99               float64 `json:"p99_us"`
	Load              string  `json:"load"` // what made it: "wrk" or "go"
}

func main() {
	var o options
	flag.DurationVar(&o.load, "load", time.Second, "how long each server is loaded for each figure")
	flag.IntVar(&o.rate, "rate", 1000, "requests a second at which latency is measured")
	flag.IntVar(&o.connections, "connections", 16, "connections in each load")
	flag.StringVar(&o.caddy, "caddy", "", "a Caddy to measure too")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the catalog")
	flag.IntVar(&o.rounds, "rounds", 3, "how many times each is measured")
	flag.StringVar(&o.program, "ovenbird", "", "ovenbird to measure; built out of the sources by default")
	flag.StringVar(&o.bucket, "bucket", "", "with -variations, folder to keep what was baked in between runs")
	flag.IntVar(&o.workload.titles, "titles", 10000, "with -variations, titles in the catalog, at least")
	flag.IntVar(&o.workload.countries, "countries", 250, "with -variations, countries of each application")
	flag.IntVar(&o.workload.applications, "applications", 12, "with -variations, applications")
	variations := flag.Bool("variations", false, "measure starts and memory of an edge with many variations")
	asJSON := flag.Bool("json", false, "print one JSON object a line")
	serve := flag.Bool("serve", false, "be the edge that is measured, until standard input ends")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case *serve:
		err = serveEdge(ctx, o.seed, os.Stdin, os.Stdout)
	case o.load <= 0 || o.rate <= 0 || o.connections <= 0:
		err = errors.New("load, rate and connections must be more than 0")
	case *variations:
		o.workload.seed = o.seed
		err = measureVariations(ctx, o, *asJSON, os.Stdout)
	default:
		err = measureAll(ctx, o, *asJSON, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/edge:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// measureAll measures every server and writes each figure as soon as it is there,
// or a table in the end.
func measureAll(ctx context.Context, o options, asJSON bool, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "bench-edge-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	edge, documents, err := startServe(ctx, o.seed)
	if err != nil {
		return err
	}
	servers := []*server{edge}
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := writeFiles(ctx, edge, documents, dir); err != nil {
		return err
	}
	for _, start := range []func(context.Context, options, string) (*server, error){startNginx, startCaddy} {
		peer, err := start(ctx, o, dir)
		if errors.Is(err, errMissing) {
			fmt.Fprintln(os.Stderr, "bench/edge:", err)
		} else if err != nil {
			return err
		} else {
			servers = append(servers, peer)
		}
	}
	var figures []figure
	tell := func(f figure) error {
		figures = append(figures, f)
		return nil
	}
	if asJSON {
		tell = func(f figure) error { return json.NewEncoder(out).Encode(f) }
	}
	for _, c := range cases(documents) {
		if err := measureCase(ctx, o, servers, c, tell); err != nil {
			return err
		}
	}
	if asJSON {
		return nil
	}
	return table(out, figures)
}

// measureCase measures all servers in one case, one after the other.
func measureCase(ctx context.Context, o options, servers []*server, c scenario, tell func(figure) error) error {
	for _, s := range servers {
		f, err := measure(ctx, o, s, c)
		switch {
		case errors.Is(err, errMissing):
			fmt.Fprintln(os.Stderr, "bench/edge:", err)
			continue
		case err != nil:
			return fmt.Errorf("%s, %s, %s: %w", s.name, c.document, c.mode, err)
		}
		if err := tell(f); err != nil {
			return err
		}
	}
	return nil
}

// errMissing is a peer that is not there, or that can not do what is measured.
var errMissing = errors.New("left out")

// table writes figures as Markdown, with ratios to nginx where it is there.
func table(out io.Writer, figures []figure) error {
	base := make(map[string]figure)
	for _, f := range figures {
		if f.Server == "nginx" {
			base[f.Document+f.Mode] = f
		}
	}
	w := bufio.NewWriter(out)
	write := func(format string, values ...any) { fmt.Fprintf(w, format, values...) } //nolint:errcheck // Flush tells
	write("| server | document | mode | bytes | requests/s | CPU µs/request | p99 µs | CPU to nginx | p99 to nginx | load |\n" +
		"|---|---|---|--:|--:|--:|--:|--:|--:|---|\n")
	for _, f := range figures {
		nginx := base[f.Document+f.Mode]
		write("| %s | %s | %s | %d | %.0f | %.1f | %.0f | %s | %s | %s |\n", f.Server, f.Document, f.Mode, f.Bytes,
			f.RequestsPerSecond, f.CPU, f.P99, ratio(f.CPU, nginx.CPU), ratio(f.P99, nginx.P99), f.Load)
	}
	return w.Flush()
}

func ratio(a, b float64) string {
	if b <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}
