package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	load        time.Duration
	rounds      int
	rate        int
	connections int
	servers     []string // empty: all that are there
	sizes       []int
	codings     []string
	modes       []string
	program     string
	caddy       string
	workload    workload // with -variations, but for the seed
	bucket      string
	json        bool
	dir         string // for whatever the run needs
}

func main() {
	o := options{}
	flag.DurationVar(&o.load, "load", 400*time.Millisecond, "how long each server is loaded in each round")
	flag.IntVar(&o.rounds, "rounds", 5, "how many times each server is measured")
	flag.IntVar(&o.rate, "rate", 1000, "requests a second at which latency is measured")
	flag.IntVar(&o.connections, "connections", 16, "connections in each load")
	servers := flag.String("servers", "", "servers to measure, such as ovenbird,nginx,varnish,caddy,floor (default all that are there)")
	sizes := flag.String("sizes", "1024,4096,16384,65536", "bytes of the documents, as they are sent")
	codings := flag.String("codings", "gzip,identity", "codings of the documents: gzip, identity, br, zstd")
	modes := flag.String("modes", "keep-alive,pipelined,new", "modes: keep-alive, pipelined, new, 304, HEAD, 404")
	flag.StringVar(&o.program, "ovenbird", "", "ovenbird to measure (default: built from the sources)")
	flag.StringVar(&o.caddy, "caddy", "bin/caddy-v2.11.9", "Caddy to measure, as make setup builds it")
	flag.Uint64Var(&o.workload.seed, "seed", 1, "seed of the catalog")
	flag.BoolVar(&o.json, "json", false, "print one JSON object a line")
	variations := flag.Bool("variations", false, "measure starts and memory of an edge with many variations instead")
	flag.IntVar(&o.workload.titles, "titles", 10000, "with -variations, titles in the catalog, at least")
	flag.IntVar(&o.workload.countries, "countries", 250, "with -variations, countries of each application")
	flag.IntVar(&o.workload.applications, "applications", 12, "with -variations, applications")
	flag.StringVar(&o.bucket, "bucket", "", "with -variations, folder that keeps what was baked for the next run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := o.read(*servers, *sizes, *codings, *modes)
	if err == nil {
		measure := measureServers
		if *variations {
			measure = measureVariations
		}
		err = run(ctx, &o, measure)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/edge:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

// run measures in a folder that is removed afterwards.
func run(ctx context.Context, o *options, measure func(context.Context, *options, io.Writer) error) (err error) {
	if o.dir, err = os.MkdirTemp("", "bench-edge-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	return measure(ctx, o, os.Stdout)
}

// read reads the flags that are lists, and looks whether all make sense.
func (o *options) read(servers, sizes, codings, modes string) error {
	if o.load <= 0 || min(o.rounds, o.rate, o.connections, o.workload.titles, o.workload.countries, o.workload.applications) <= 0 {
		return errors.New("load, rounds, rate, connections, titles, countries and applications must be more than 0")
	}
	for field := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(field)
		if err != nil || size <= 0 {
			return fmt.Errorf("-sizes: %q is no size in bytes", field)
		}
		o.sizes = append(o.sizes, size)
	}
	var err error
	if o.codings, err = choose("-codings", codings, gzip, identity, brotli, zstd); err != nil {
		return err
	}
	if o.modes, err = choose("-modes", modes, keepAlive, pipelined, newConn, unchanged, headOnly, notThere); err != nil {
		return err
	}
	if servers != "" {
		o.servers, err = choose("-servers", servers, edgeName, "nginx", "varnish", "caddy", floorName)
	}
	return err
}

// choose reads a list of some of the values that there are.
func choose(name, list string, values ...string) ([]string, error) {
	chosen := strings.Split(list, ",")
	for _, value := range chosen {
		if !slices.Contains(values, value) {
			return nil, fmt.Errorf("%s: %q is none of %s", name, value, strings.Join(values, ", "))
		}
	}
	return chosen, nil
}

// wants reports whether a server is to be measured, and whether it was asked for by name.
func (o *options) wants(server string) (wanted, named bool) {
	named = slices.Contains(o.servers, server)
	return named || len(o.servers) == 0, named
}

// measureServers measures every server, and writes the figures of each scenario as
// soon as they are there, or a table in the end.
func measureServers(ctx context.Context, o *options, out io.Writer) (err error) {
	f, err := gather(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	var all []figure
	for _, c := range cases(o, f.paths, f.documents) {
		figures, err := f.measure(ctx, o, c)
		if err != nil {
			return fmt.Errorf("%s of %s in %s: %w", c.mode, c.path, c.coding, err)
		}
		all = append(all, figures...)
		for _, figure := range figures {
			if !o.json {
				break
			}
			if err := json.NewEncoder(out).Encode(figure); err != nil {
				return err
			}
		}
	}
	if o.json {
		return nil
	}
	return table(out, all)
}
