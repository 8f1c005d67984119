package spread

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/ovenbird"
)

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

// noon is when a release was published.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is the time, as the test wants it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// world is one process.
type world struct {
	*Service
	t     *testing.T
	clock *clock
}

func newWorld(t *testing.T) world {
	t.Helper()
	if testing.Short() {
		t.Skip("it needs a database")
	}
	db, err := database.Open(t.Context(), databasetest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &clock{now: noon}
	store, err := New(t.Context(), db, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return world{NewService(store, nil), t, c}
}

// hear takes reports in at an instant, and writes them.
func (w world) hear(at time.Time, reports ...Report) {
	w.t.Helper()
	w.clock.set(at)
	for _, r := range reports {
		if err := w.Report(w.t.Context(), r); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w world) baked(id string, at time.Time) {
	w.t.Helper()
	steps := Steps{Published: at, Render: 7 * time.Millisecond, Write: 2 * time.Millisecond, Publish: time.Millisecond}
	if err := w.store.Baked(w.t.Context(), id, steps); err != nil {
		w.t.Fatal(err)
	}
}

func (w world) release(id string) Release {
	w.t.Helper()
	r, err := w.store.Release(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w world) edges() []Edge {
	w.t.Helper()
	list, err := w.store.Edges(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// took is a report of an edge, whose clock is right, that took r2 over after r1.
func took(edge string, known time.Duration) Report {
	at := noon.Add(known)
	return Report{
		Edge: edge, Release: "r2", Previous: "r1", Known: at, Fetch: 3 * time.Millisecond, Swap: time.Millisecond,
		Since: at.Add(4 * time.Millisecond), Sent: noon.Add(time.Second),
	}
}

func TestAReleaseTellsHowFarItHasSpreadAndHowLongEachStepTook(t *testing.T) {
	w := newWorld(t)
	w.baked("r2", noon)
	w.hear(noon.Add(time.Second), took("a", 5*time.Millisecond), took("b", 9*time.Millisecond),
		Report{Edge: "c", Countries: []ovenbird.Country{"FI", "SE"}, Release: "r1", Failure: "no\nway", Failing: noon, Sent: noon.Add(time.Second)})
	got := w.release("r2")
	if got.Steps == nil || got.Steps.Render != 7*time.Millisecond || !got.Steps.Published.Equal(noon) {
		t.Errorf("steps: %+v", got.Steps)
	}
	if len(got.Times) != 2 || got.Times[0].Edge != "a" || *got.Times[1].Notify != 9*time.Millisecond {
		t.Fatalf("times: %+v", got.Times)
	}
	if took, known := got.Times[0].Total(); took != 9*time.Millisecond || !known {
		t.Errorf("in all: %s, %t", took, known)
	}
	if len(got.Edges) != 3 {
		t.Fatalf("edges: %+v", got.Edges)
	}
	c := got.Edges[2]
	if c.Release != "r1" || c.Failure != "no way" || !c.Failing.Equal(noon) || !slices.Equal(c.Countries, []ovenbird.Country{"FI", "SE"}) {
		t.Errorf("the edge that can not follow: %+v", c)
	}
	if got := w.release("of which nobody knows"); got.Steps != nil || len(got.Times) != 0 || len(got.Edges) != 3 {
		t.Errorf("of another release: %+v", got)
	}
}

func TestWrongClocksAreTakenOut(t *testing.T) {
	w := newWorld(t)
	w.baked("r2", noon)
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		r := took(fmt.Sprintf("edge %s ahead", ahead), 5*time.Millisecond)
		r.Known, r.Since, r.Sent = r.Known.Add(ahead), r.Since.Add(ahead), r.Sent.Add(ahead)
		w.hear(noon.Add(time.Second), r)
	}
	for _, took := range w.release("r2").Times {
		if took.Notify == nil || *took.Notify != 5*time.Millisecond {
			t.Errorf("%s: %v", took.Edge, took.Notify)
		}
	}
	for _, e := range w.edges() {
		if e.Skew.Abs() != time.Hour || !e.Since.Equal(noon.Add(9*time.Millisecond)) {
			t.Errorf("%+v", e)
		}
	}
}

func TestHowLongNewsTookIsNotToldWhereItCanNotBe(t *testing.T) {
	w := newWorld(t)
	w.baked("r2", noon)
	first := took("woke up later", time.Minute)
	first.Previous = ""
	back := took("was rolled back", 2*time.Hour)
	early := took("saw it before its baker knew", -time.Millisecond)
	w.hear(noon.Add(time.Second), first, back, early)
	for _, time := range w.release("r2").Times {
		_, known := time.Total()
		switch notify, _ := time.Notified(); {
		case time.Edge == early.Edge && (!known || notify != 0):
			t.Errorf("%s: %v, want 0", time.Edge, time.Notify)
		case time.Edge != early.Edge && known:
			t.Errorf("%s: %v, want nothing", time.Edge, time.Notify)
		}
	}
	// Of what comes again, the first time counts.
	again := took(early.Edge, 40*time.Millisecond)
	w.hear(noon.Add(2*time.Second), again)
	for _, took := range w.release("r2").Times {
		if took.Edge == early.Edge && *took.Notify != 0 {
			t.Errorf("the second time replaced the first: %s", *took.Notify)
		}
	}
}

func TestEdgesAreLostThenForgottenAndStoppedOnesLeave(t *testing.T) {
	w := newWorld(t)
	w.hear(noon, took("killed", 0), took("stopped", 0))
	w.hear(noon.Add(Beat), took("alive", 0), Report{Edge: "stopped", Leaving: true})
	for _, step := range []struct {
		at   time.Duration
		want string
	}{
		{Beat, "alive killed"},
		{lostAfter + time.Second, "alive killed(lost)"},
		{forgottenAfter + time.Second, "alive(lost)"},
		{2 * forgottenAfter, ""},
	} {
		w.clock.set(noon.Add(step.at))
		var got []string
		for _, e := range w.edges() {
			if e.Lost {
				e.Name += "(lost)"
			}
			got = append(got, e.Name)
		}
		if strings.Join(got, " ") != step.want {
			t.Errorf("after %s: %q, want %q", step.at, got, step.want)
		}
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	w := newWorld(t)
	w.hear(noon, Report{Edge: "a", Release: "r0"})
	for i := range maxReleases + 1 {
		w.baked(fmt.Sprintf("r%d", i), noon.Add(time.Duration(i)*time.Second))
	}
	w.hear(noon.Add(time.Hour), Report{Edge: "b", Release: "of which the baker has not told yet"})
	if err := w.store.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.release("r0"); got.Steps != nil || len(got.Times) != 0 {
		t.Errorf("the oldest of %d releases: %+v", maxReleases+1, got)
	}
	if got := w.release("r1"); got.Steps == nil {
		t.Error("one more was forgotten")
	}
	if got := w.release("of which the baker has not told yet"); len(got.Times) != 1 {
		t.Errorf("a release that is new: %+v", got)
	}
	w.waiting = make([]received, maxWaiting)
	if err := w.Report(t.Context(), Report{Edge: "c"}); ovenbird.CodeOf(err) != ovenbird.Unavailable {
		t.Errorf("with too many waiting: %v", err)
	}
}

func TestReportsThatAreWrongAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, r := range map[string]Report{
		"no name":           {},
		"a long name":       {Edge: strings.Repeat("x", maxName+1)},
		"a name of lines":   {Edge: "a\nb"},
		"no UTF-8":          {Edge: "\xff"},
		"a long release":    {Edge: "a", Release: strings.Repeat("x", maxRelease+1)},
		"a step backwards":  {Edge: "a", Fetch: -1},
		"a step of a year":  {Edge: "a", Swap: 365 * 24 * time.Hour},
		"no such country":   {Edge: "a", Countries: []ovenbird.Country{"fi"}},
		"too many":          {Edge: "a", Countries: make([]ovenbird.Country, 1000)},
		"an absurd instant": {Edge: "a", Sent: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if err := w.Report(t.Context(), r); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := Report{Edge: "a", Failure: strings.Repeat("ä", maxFailure) + "\xff\x00"}
	w.hear(noon, long)
	if got := w.edges()[0].Failure; len(got) > maxFailure+len("…") || !strings.HasSuffix(got, "ä…") {
		t.Errorf("a long failure: %d bytes, %q", len(got), got)
	}
}

func TestReportsAreWrittenTogetherAndAtTheEnd(t *testing.T) {
	w := newWorld(t)
	if err := w.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		if err := w.Report(t.Context(), took(fmt.Sprintf("edge-%03d", i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(w.edges()); got != 500 {
		t.Errorf("%d edges are known, want 500", got)
	}
}
