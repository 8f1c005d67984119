package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// edgeName is the name of the edge among the servers.
const edgeName = "ovenbird"

// field is all servers, running.
type field struct {
	site
	servers []*server
	paths   map[string][]string // of the documents, in their sizes by coding
	floor   string              // the floor's program; "" where there is none
}

// gather bakes the documents and starts the servers.
func gather(ctx context.Context, o *options) (f *field, err error) {
	f = &field{site: site{dir: o.dir, caddy: o.caddy}, paths: make(map[string][]string)}
	program, err := buildProgram(ctx, o.program, f.dir)
	if err != nil {
		return nil, err
	}
	bucket := filepath.Join(f.dir, "bucket")
	if err := bakeSizes(ctx, o.workload.seed, bucket); err != nil {
		return nil, err
	}
	if err := f.prepareFloor(ctx, o); err != nil {
		return nil, err
	}
	if f.cores, err = pin(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.stop())
		}
	}()
	edge, err := startEdge(ctx, f.cores, program, bucket, "--country-from", "fixed:"+country)
	if err != nil {
		return nil, err
	}
	f.servers = append(f.servers, edge)
	if err := edge.ready(ctx); err != nil {
		return nil, err
	}
	if err := f.choose(ctx, o, edge); err != nil {
		return nil, err
	}
	err = f.startPeers(ctx, o)
	return f, err
}

// prepareFloor compiles the floor, unless it is not wanted.
func (f *field) prepareFloor(ctx context.Context, o *options) (err error) {
	wanted, named := o.wants(floorName)
	if !wanted {
		return nil
	}
	f.floor, err = compileFloor(ctx, f.dir)
	return tolerate(err, named)
}

// tolerate says that a peer is missing, which is an error where it was asked for by name.
func tolerate(err error, named bool) error {
	if errors.Is(err, errMissing) && !named {
		fmt.Fprintln(os.Stderr, "bench/edge: left out:", err)
		return nil
	}
	return err
}

// choose finds the documents, and writes them as files.
func (f *field) choose(ctx context.Context, o *options, edge *server) (err error) {
	for _, coding := range o.codings {
		for _, size := range o.sizes {
			path, err := find(ctx, edge, coding, size)
			if err != nil {
				return err
			}
			f.paths[coding] = append(f.paths[coding], path)
		}
	}
	if f.documents, err = fetch(ctx, edge, f.paths, o.codings); err != nil {
		return err
	}
	return f.writeFiles()
}

// startPeers starts the servers beside the edge.
func (f *field) startPeers(ctx context.Context, o *options) error {
	for _, p := range peers {
		wanted, named := o.wants(p.name)
		if !wanted {
			continue
		}
		server, err := p.start(ctx, &f.site)
		if err == nil {
			f.servers = append(f.servers, server)
		} else if err := tolerate(err, named); err != nil {
			return err
		}
	}
	return nil
}

// measure measures all servers in a scenario.
func (f *field) measure(ctx context.Context, o *options, c scenario) (_ []figure, err error) {
	held, err := prepare(ctx, f.servers, c)
	if err != nil {
		return nil, err
	}
	if f.floor != "" {
		floor, err := startFloor(ctx, &f.site, f.floor, held.entrants[0])
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, floor.stop()) }()
		e, _, err := enter(ctx, floor, c)
		if err != nil {
			return nil, err
		}
		held.entrants = append(held.entrants, e)
	}
	if err := held.measure(ctx, o); err != nil {
		return nil, err
	}
	if wanted, _ := o.wants(edgeName); !wanted {
		held.entrants = held.entrants[1:]
	}
	return held.figures(f.cores.pinned), nil
}

// stop stops all servers, the last one first.
func (f *field) stop() (err error) {
	for _, s := range slices.Backward(f.servers) {
		err = errors.Join(err, s.stop())
	}
	return err
}
