// Command bake measures the whole way of a generated catalog: baked from nothing,
// baked again unchanged, and edited title by title until every edge serves it. The
// catalog is in SQLite, the bake is the service that `ovenbird up` runs, on its
// engine, and the bucket is a folder on disk; every write is durable. Its flags:
//
//	-titles N        titles in the catalog, at least (1000)
//	-countries N     countries of each application, all at most (250)
//	-applications N  applications (12)
//	-edits N         edits of one title's name each (500)
//	-edges N         edges in processes of their own, beside the one in this process:
//	                 the first reads an origin, the second the folder, and so on (2)
//	-seed N          the same catalog for the same seed (1)
//	-peer NAMES      programs to compare with: hugo, naive, or both with a comma between
//	-documents N     documents that a peer renders, at most (5000)
//	-scale           instead of all that: full bakes of 1, 2 and 4 times as many titles,
//	                 countries and applications, beginning with a quarter of each flag
//	-json            print one JSON object instead of lines
//
// The worldwide service that the project is made for has 10,000 titles.
//
// An edit is timed from the moment at which its commit returned until the last of
// the edges has switched over to the release that has it, by the clock that all
// processes on a machine share; then every edge is asked for the document and has
// to answer with the new text. Between edits there is a pause of random length, so
// that nothing that happens at even intervals keeps step with them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// size is how much to bake, and what to do with it.
type size struct {
	titles, countries, applications, edits, edges int
	seed                                          uint64
	peers                                         []string
	documents                                     int
}

func main() {
	var z size
	flag.IntVar(&z.titles, "titles", 1000, "titles in the catalog, at least")
	flag.IntVar(&z.countries, "countries", 250, "countries of each application")
	flag.IntVar(&z.applications, "applications", 12, "applications")
	flag.IntVar(&z.edits, "edits", 500, "edits of one title's name each")
	flag.IntVar(&z.edges, "edges", 2, "edges in processes of their own")
	flag.Uint64Var(&z.seed, "seed", 1, "seed of the catalog")
	peers := flag.String("peer", "", "programs to compare with: hugo, naive")
	flag.IntVar(&z.documents, "documents", 5000, "documents that a peer renders, at most")
	scaling := flag.Bool("scale", false, "measure how full bakes grow with titles, countries and applications")
	asJSON := flag.Bool("json", false, "print one JSON object")
	follow := flag.String("follow", "", "be an edge that follows the releases at an address (for this program itself)")
	flag.Parse()
	if *peers != "" {
		z.peers = strings.Split(*peers, ",")
	}
	if err := run(context.Background(), z, *follow, *scaling, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench/bake:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, z size, follow string, scaling, asJSON bool) error {
	if follow != "" {
		return followReleases(ctx, follow)
	}
	if min(z.titles, z.countries, z.applications, z.edits, z.edges+1, z.documents) <= 0 {
		return errors.New("titles, countries, applications, edits and documents must be more than 0, edges not less")
	}
	var result fmt.Stringer
	var err error
	if scaling {
		result, err = scale(ctx, z)
	} else {
		result, err = measure(ctx, z)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	_, err = fmt.Print(result)
	return err
}
