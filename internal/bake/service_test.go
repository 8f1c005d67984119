package bake_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ovenbird/internal/bake"
	"ovenbird/internal/bucket"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/engine"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// larder is a catalog that processes share: as many movies as its file has bytes.
type larder struct {
	file string
	read func() // called before a snapshot is taken; nil is fine
}

func newLarder(t *testing.T, movies int) *larder {
	t.Helper()
	l := &larder{file: filepath.Join(t.TempDir(), "movies")}
	for range movies {
		l.grow(t)
	}
	return l
}

func (l *larder) grow(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(l.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("m"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func (l *larder) Sequence(context.Context) (int64, error) {
	info, err := os.Stat(l.file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (l *larder) Snapshot(ctx context.Context) (*ovenbird.Snapshot, error) {
	if l.read != nil {
		l.read()
	}
	movies, err := l.Sequence(ctx)
	if err != nil {
		return nil, err
	}
	var titles []*ovenbird.Title
	var licenses []*ovenbird.License
	for i := range movies {
		id := ovenbird.TitleID(fmt.Sprintf("m%d", i))
		titles = append(titles, &ovenbird.Title{
			ID: id, Kind: ovenbird.Movie, Published: true, Video: true, Ratings: []ovenbird.Rating{{System: "FSK", Value: "0"}},
			Texts: ovenbird.Texts{ovenbird.Name: {"en": fmt.Sprintf("Movie %d", i)}},
		})
		licenses = append(licenses, &ovenbird.License{
			ID: ovenbird.LicenseID(id), Title: id, Territories: []string{"*"}, Applications: []string{"*"},
			Window: ovenbird.Window{End: noon.Add(time.Duration(i) * time.Hour)},
		})
	}
	return ovenbird.NewSnapshot(movies, titles, licenses, nil), nil
}

func (l *larder) Refresh(ctx context.Context, prev *ovenbird.Snapshot) (*ovenbird.Snapshot, ovenbird.Touched, error) {
	next, err := l.Snapshot(ctx)
	if err != nil {
		return nil, ovenbird.Touched{}, err
	}
	var touched ovenbird.Touched
	for id := range next.Titles {
		if prev.Titles[id] == nil {
			touched.Titles = append(touched.Titles, id)
		}
	}
	return next, touched, nil
}

// kitchens is what processes share.
type kitchens struct {
	State  engine.Config
	Bucket string
	Site   string
	FanOut int
}

func newKitchens(t *testing.T) kitchens {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs PostgreSQL and a disk")
	}
	return kitchens{
		State:  engine.Config{URL: databasetest.Postgres(t), Poll: 20 * time.Millisecond},
		Bucket: t.TempDir(), Site: "test", FanOut: 1,
	}
}

// oneKitchen is a service with what it stands on, as one process has it.
type oneKitchen struct {
	*bake.Service
	engine   *engine.Engine
	releases *release.Store
}

func (k kitchens) open(ctx context.Context, p *bake.Program, catalog *larder) (*oneKitchen, func() error, error) {
	b, err := bucket.OpenDisk(ctx, k.Bucket)
	if err != nil {
		return nil, nil, err
	}
	releases, err := release.Open(b, release.Config{})
	if err != nil {
		return nil, b.Close, err
	}
	e, err := engine.New(ctx, k.State)
	if err != nil {
		return nil, b.Close, err
	}
	stop := func() error { return errors.Join(e.Stop(context.WithoutCancel(ctx)), b.Close()) }
	p.Site = k.Site
	service, err := bake.New(
		bake.Config{Program: p, FanOut: k.FanOut, Now: func() time.Time { return noon }},
		bake.Deps{Catalog: catalog, Releases: releases, Engine: e},
	)
	if err != nil {
		return nil, stop, err
	}
	return &oneKitchen{service, e, releases}, stop, e.Start(ctx, nil)
}

func (k kitchens) start(t *testing.T, catalog *larder) *oneKitchen {
	t.Helper()
	one, stop, err := k.open(t.Context(), program(t), catalog)
	if stop != nil {
		t.Cleanup(func() {
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func full(t *testing.T, catalog *larder) string {
	t.Helper()
	snapshot, err := catalog.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := bake.Full(t.Context(), program(t), snapshot, noon, newPantry())
	if err != nil {
		t.Fatal(err)
	}
	return state.Content.Root().String()
}

func (k *oneKitchen) bake(t *testing.T, request bake.Request) bake.Outcome {
	t.Helper()
	outcome, err := k.Bake(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// until waits until ok, or until the test's time is up.
func until(ctx context.Context, ok func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Three processes make a bake together. It comes to what one makes alone, and
// the one that ran it goes on from there with what changes.
func TestProcessesBakeTogether(t *testing.T) {
	k := newKitchens(t)
	catalog := newLarder(t, 40)
	first := k.start(t, catalog)
	var others []*oneKitchen
	for range 2 {
		others = append(others, k.start(t, catalog))
	}
	until(t.Context(), func() bool { return first.engine.Processes() == 3 })
	got := others[1].bake(t, bake.Request{})
	if got.Status != bake.Published || !got.Full || got.Root != full(t, catalog) {
		t.Errorf("together: %+v; root %s is expected", got, full(t, catalog))
	}
	if steps := k.tasks(t); steps != 9 {
		t.Errorf("three processes made %d shards", steps)
	}
	catalog.grow(t)
	got = others[0].bake(t, bake.Request{})
	if got.Status != bake.Published || got.Full || got.Root != full(t, catalog) {
		t.Errorf("an update after it: %+v; root %s is expected", got, full(t, catalog))
	}
	head, err := first.releases.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range head.Releases {
		made, err := first.releases.Load(t.Context(), kept.Ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := made.Verify(t.Context()); err != nil {
			t.Errorf("release %s: %v", kept.ID, err)
		}
	}
}

// While somebody replaces the processes one by one, some have another site. They
// make no shards of this one.
func TestAProcessWithAnotherSiteLeavesTheShardsAlone(t *testing.T) {
	k := newKitchens(t)
	catalog := newLarder(t, 40)
	first := k.start(t, catalog)
	k.Site = "other"
	other := k.start(t, catalog)
	until(t.Context(), func() bool { return first.engine.Processes() == 2 })
	if got := other.bake(t, bake.Request{}); got.Root != full(t, catalog) {
		t.Errorf("root %s, want %s", got.Root, full(t, catalog))
	}
	head, err := first.releases.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	served, err := first.releases.Load(t.Context(), head.Releases[0].Ref)
	if err != nil || served.Manifest().Site != "test" {
		t.Errorf("the release is of site %q, %v", served.Manifest().Site, err)
	}
}

// kitchenEnv tells this program to be a process that bakes rather than to test.
const kitchenEnv = "BAKE_CHILD"

// cook says what such a process is to do.
type cook struct {
	Kitchens kitchens
	Catalog  string // a larder's file
	Hang     int    // which reading of the catalog waits, from 1
	Diary    string // made before that
	Gate     string // what it waits for
}

// isCook reports whether this program was started by a cook. Then it has baked
// until its standard input ended.
func isCook(t *testing.T) bool {
	t.Helper()
	spec := os.Getenv(kitchenEnv)
	if spec == "" {
		return false
	}
	var c cook
	if err := json.Unmarshal([]byte(spec), &c); err != nil {
		t.Fatal(err)
	}
	c.be(t)
	return true
}

// be bakes until standard input ends.
func (c cook) be(t *testing.T) {
	t.Helper()
	reads := 0
	catalog := &larder{file: c.Catalog, read: func() {
		reads++
		if reads != c.Hang {
			return
		}
		if err := os.WriteFile(c.Diary, nil, 0o600); err != nil {
			t.Error(err)
		}
		until(t.Context(), func() bool { _, err := os.Stat(c.Gate); return err == nil })
	}}
	c.Kitchens.start(t, catalog)
	if _, err := os.Stdout.WriteString("ready\n"); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Error(err)
	}
}

// start starts the process, which runs the same test.
func (c cook) start(t *testing.T) (signal func(os.Signal)) {
	t.Helper()
	spec, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), kitchenEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the process said %q: %v", line, err)
	}
	return func(s os.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitHang waits until the process reads the catalog for a bake that is under way.
func (c cook) awaitHang(t *testing.T, ended <-chan bake.Outcome) {
	t.Helper()
	hangs := func() bool { _, err := os.Stat(c.Diary); return err == nil }
	until(t.Context(), func() bool { return hangs() || len(ended) > 0 })
	if !hangs() {
		t.Fatal("another process baked")
	}
}

// A process that bakes stands still for longer than its lease. Another takes the
// bake over and publishes it. When the first goes on it finishes what it was
// doing, and publishes nothing beside the other.
func TestAFrozenProcessDoesNotPublishBesideTheOther(t *testing.T) {
	if isCook(t) {
		return
	}
	k := newKitchens(t)
	k.FanOut = 1 << 30
	k.State.Lease = 3 * time.Second
	dir := t.TempDir()
	catalog := newLarder(t, 40)
	c := cook{Kitchens: k, Catalog: catalog.file, Hang: 1, Diary: filepath.Join(dir, "reading"), Gate: filepath.Join(dir, "gate")}
	frozen := c.start(t)
	other := k.start(t, catalog)
	done := make(chan bake.Outcome, 1)
	go func() { done <- other.bake(t, bake.Request{Full: true}) }()
	c.awaitHang(t, done)
	frozen(syscall.SIGSTOP)
	taken := <-done
	if taken.Status != bake.Published || taken.Root != full(t, catalog) {
		t.Errorf("taken over: %+v", taken)
	}
	if err := os.WriteFile(c.Gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	frozen(syscall.SIGCONT)
	until(t.Context(), func() bool { return other.engine.Processes() == 2 })
	until(t.Context(), func() bool { return k.packs(t) == 2 })
	if k.packs(t) != 2 {
		t.Error("the frozen process did not finish what it was doing")
	}
	catalog.grow(t)
	next := other.bake(t, bake.Request{})
	if next.Status != bake.Published || next.Root != full(t, catalog) {
		t.Errorf("the next: %+v", next)
	}
	head, err := other.releases.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The head counts its changes.
	if head.Sequence != 2 || len(head.Releases) != 2 || head.Releases[0].ID != next.Release || head.Releases[0].Parent != taken.Release {
		t.Errorf("the head is %+v", head)
	}
	// Frozen a moment later, it would have gone on with this.
	kept, _ := head.Release(taken.Release)
	if _, err := other.releases.Publish(t.Context(), kept.Ref); ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("publishing a release again after the next: %v", err)
	}
}

// What the process that leads has in memory goes with it: an update that it had
// planned is planned anew.
func TestAnUpdateThatIsTakenOverBeginsAnew(t *testing.T) {
	if isCook(t) {
		return
	}
	k := newKitchens(t)
	k.State.Lease = 3 * time.Second
	catalog := newLarder(t, 40)
	c := cook{Kitchens: k, Catalog: catalog.file, Hang: 2, Diary: filepath.Join(t.TempDir(), "reading")}
	killed := c.start(t)
	var others []*oneKitchen
	for range 2 {
		others = append(others, k.start(t, catalog))
	}
	until(t.Context(), func() bool { return others[0].engine.Processes() == 3 })
	if first := others[0].bake(t, bake.Request{}); first.Status != bake.Published {
		t.Fatalf("the first: %+v", first)
	}
	shards := k.tasks(t)
	catalog.grow(t)
	done := make(chan bake.Outcome, 1)
	go func() { done <- others[0].bake(t, bake.Request{}) }()
	c.awaitHang(t, done)
	killed(syscall.SIGKILL)
	if got := <-done; got.Status != bake.Published || !got.Full || got.Root != full(t, catalog) {
		t.Errorf("taken over: %+v; root %s is expected", got, full(t, catalog))
	}
	if more := k.tasks(t) - shards; more != 6 {
		t.Errorf("the two that are left made it in %d shards", more)
	}
}

// Every process watches the catalog, and each edit is baked once. When the one
// that leads is gone the next goes on.
func TestAnEditIsBakedOnceByHoweverManyProcesses(t *testing.T) {
	k := newKitchens(t)
	catalog := newLarder(t, 3)
	var all []*oneKitchen
	for range 3 {
		one := k.start(t, catalog)
		if err := one.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := one.Stop(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
		all = append(all, one)
	}
	served := func() int64 {
		head, err := all[0].releases.Head(t.Context())
		if err != nil || len(head.Releases) == 0 {
			return 0
		}
		made, err := all[0].releases.Load(t.Context(), head.Releases[0].Ref)
		if err != nil {
			t.Fatal(err)
		}
		return made.Manifest().CatalogSequence
	}
	for _, edits := range []int64{3, 4, 5} {
		until(t.Context(), func() bool { return served() == edits })
		catalog.grow(t)
	}
	until(t.Context(), func() bool { return served() == 6 })
	if n := k.count(t, "name = 'bake'"); n != 4 {
		t.Errorf("a start and three edits were baked %d times", n)
	}
}

// packs counts the packs in the bucket.
func (k kitchens) packs(t *testing.T) int {
	t.Helper()
	n := 0
	if err := filepath.WalkDir(k.Bucket, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".pack") {
			n++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// tasks counts the shards that were made.
func (k kitchens) tasks(t *testing.T) int {
	t.Helper()
	return k.count(t, "name = 'shard' AND status = 'SUCCESS'")
}

// count counts the engine's executions.
func (k kitchens) count(t *testing.T, which string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), k.State.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM dbos.workflow_status WHERE "+which).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
