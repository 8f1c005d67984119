package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

func TestFiguresAreMediansAndSharesOfTheFloor(t *testing.T) {
	held := &contest{scenario: scenario{mode: keepAlive, coding: gzip}, entrants: []*entrant{
		{server: &server{name: edgeName}, bytes: 7, rounds: []round{{10, 1, 8, 100}, {30, 0.9, 800, 1}, {20, 0.8, 10, 200}}},
		{server: &server{name: floorName}, bytes: 7, rounds: []round{{1, 1, 5, 1}, {1, 1, 5, 1}, {1, 1, 5, 1}}},
	}}
	figures := held.figures(true)
	edge := figures[0]
	if edge.RequestsPerSecond != 20 || edge.CPU != 10 || edge.P99 != 100 || edge.Busy != 0.9 || edge.Bytes != 7 {
		t.Errorf("medians: %+v", edge)
	}
	if edge.ShareOfFloor != 0.5 || figures[1].ShareOfFloor != 1 {
		t.Errorf("shares: %v of the edge, %v of the floor", edge.ShareOfFloor, figures[1].ShareOfFloor)
	}
	held.entrants = held.entrants[:1]
	if share := held.figures(true)[0].ShareOfFloor; share != 0 {
		t.Errorf("without a floor: %v", share)
	}
}

func TestModesWithoutABodyAreMeasuredOnce(t *testing.T) {
	o := &options{codings: []string{gzip, identity}, modes: []string{keepAlive, newConn, headOnly, notThere, unchanged}}
	paths := map[string][]string{gzip: {"/a", "/b"}, identity: {"/c", "/d"}}
	var got []string
	for _, c := range cases(o, paths, nil) {
		got = append(got, c.mode+" "+c.coding+" "+c.path)
	}
	want := []string{
		"keep-alive gzip /a", "keep-alive gzip /b", "keep-alive identity /c", "keep-alive identity /d",
		"new gzip /a", "new gzip /b", "HEAD gzip /a", "404 gzip /a.none.json", "304 gzip /a",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestFlagsAreRead(t *testing.T) {
	good := options{load: 1, rounds: 1, rate: 1, connections: 1, workload: workload{titles: 1, countries: 1, applications: 1}}
	o := good
	if err := o.read("nginx,floor", "1,65536", "br", "304"); err != nil || !slices.Equal(o.sizes, []int{1, 65536}) {
		t.Errorf("got %v, %v", o.sizes, err)
	}
	if wanted, _ := o.wants("varnish"); wanted {
		t.Error("a server is measured that was not named")
	}
	for _, bad := range [][4]string{
		{"apache", "1", "br", "304"}, {"", "0", "br", "304"}, {"", "1k", "br", "304"}, {"", "1", "deflate", "304"}, {"", "1", "br", ""},
	} {
		if o := good; o.read(bad[0], bad[1], bad[2], bad[3]) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if o := (options{}); o.read("", "1", "br", "304") == nil {
		t.Error("nothing is measured")
	}
}

func TestTheFirstTwoCores(t *testing.T) {
	var set unix.CPUSet
	set.Set(3)
	set.Set(5)
	set.Set(9)
	if first, second := firstTwo(&set); first != 3 || second != 5 {
		t.Errorf("got %d and %d", first, second)
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	before, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const length = 64 << 20
	taken, err := unix.Mmap(-1, 0, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(taken) //nolint:errcheck // the test is over
	after, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.anonymous - before.anonymous; math.Abs(float64(grown-length)) > length/2 {
		t.Errorf("%d bytes more after %d were taken", grown, len(taken))
	}
	if after.peak < after.resident || after.resident != after.anonymous+after.file {
		t.Errorf("got %+v", after)
	}
}

func TestWhatWasBakedIsKeptForTheNextRun(t *testing.T) {
	dir := t.TempDir()
	z := workload{titles: 30, countries: 3, applications: 2, seed: 1}
	folder, baked, err := z.keep(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := z.keep(t.Context(), dir); err != nil || again.Manifest().ID != baked.Manifest().ID {
		t.Errorf("baked again: %v", err)
	}
	want, err := sampleOf(t.Context(), baked)
	if err != nil || want.path == "" || want.body == "" {
		t.Errorf("no sample: %q, %v", want.path, err)
	}
	if err := os.WriteFile(filepath.Join(folder, release.HeadKey), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, anew, err := z.keep(t.Context(), dir); err != nil || anew.Manifest().ID == baked.Manifest().ID {
		t.Errorf("a damaged bucket was not baked anew: %v", err)
	}
}

func TestTheDocumentsGrowFromSmallToLarge(t *testing.T) {
	snapshot := sizes(1)
	last := 0
	for i := range sizeCount() {
		length := 0
		for _, id := range snapshot.Collections[ovenbird.CollectionID(collectionID(i))].Items {
			length += len(snapshot.Titles[id].Texts[ovenbird.Synopsis]["en"])
		}
		if i == 0 && length > 512 || length < last-cards || i > 0 && length > last+last/16+cards {
			t.Fatalf("document %d has %d bytes of text after one with %d", i, length, last)
		}
		last = length
	}
	if last < largest/2 {
		t.Errorf("the largest has %d bytes of text", last)
	}
}
