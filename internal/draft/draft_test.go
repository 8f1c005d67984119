package draft_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/database"
	"ovenbird/internal/database/databasetest"
	"ovenbird/internal/draft"
	"ovenbird/internal/ovenbird"
)

// Every test of this package runs on both databases.
func TestAgainOnPostgreSQL(t *testing.T) { databasetest.Again(t) }

var (
	ann  = draft.Person{Name: "ann"}
	pia  = draft.Person{Name: "pia", Publishes: true}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	any1 = []string{catalog.AnyTag}
)

// world is drafts of a catalog with two movies, one of which has a license.
type world struct {
	*draft.Store
	t       *testing.T
	catalog *catalog.Store
	clock   *clock
}

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

func newWorld(t *testing.T) *world {
	t.Helper()
	w := open(t, databasetest.Empty(t), &clock{now: noon}, nil)
	w.write(`{"type":"title","id":"t1","kind":"movie","year":2001,"texts":{"name":{"en":"One"}}}`,
		`{"type":"title","id":"t2","kind":"movie"}`,
		`{"type":"license","id":"l1","title":"t1","territories":["FI"],"applications":["tv"],"model":"svod"}`)
	return w
}

// open is one process on a database.
func open(t *testing.T, at database.Config, c *clock, published func(context.Context, *sql.Tx, *draft.Draft) error) *world {
	t.Helper()
	db, err := database.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, clock: c}
	if w.catalog, err = catalog.New(t.Context(), catalog.Config{}, catalog.Deps{DB: db, Now: c.Now}); err != nil {
		t.Fatal(err)
	}
	w.Store, err = draft.New(t.Context(), draft.Deps{DB: db, Catalog: w.catalog, Now: c.Now, Published: published})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write writes records past all drafts.
func (w *world) write(lines ...string) {
	w.t.Helper()
	var records []catalog.Record
	for _, line := range lines {
		r, err := catalog.ParseRecord([]byte(line))
		if err != nil {
			w.t.Fatal(err)
		}
		records = append(records, r)
	}
	if _, err := w.catalog.Apply(w.t.Context(), catalog.Batch{Actor: "import", Records: records, Atomic: true}); err != nil {
		w.t.Fatal(err)
	}
}

func proposals(lines ...string) (list []draft.Proposal) {
	for _, line := range lines {
		list = append(list, draft.Proposal{Line: json.RawMessage(line)})
	}
	return list
}

// draft makes a draft.
func (w *world) draft(by draft.Person, publishAt time.Time, lines ...string) *draft.Draft {
	w.t.Helper()
	change := draft.Change{Name: new("spring"), Records: proposals(lines...)}
	if !publishAt.IsZero() {
		change.PublishAt = &publishAt
	}
	d, err := w.Create(w.t.Context(), by, change)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// due publishes what is due, and returns that as "id state".
func (w *world) due() (done string, next time.Time) {
	w.t.Helper()
	list, next, err := w.PublishDue(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range list {
		done += d.ID + " " + string(d.State) + ";"
	}
	return done, next
}

func (w *world) get(id string) *draft.Draft {
	w.t.Helper()
	d, err := w.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// feed is what the feed says after a sequence, as "actor action id".
func (w *world) feed(after int64) (list []string) {
	w.t.Helper()
	changes, err := w.catalog.Changes(w.t.Context(), after, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%s %s %s", c.Actor, c.Action, c.ID))
	}
	return list
}

func (w *world) sequence() int64 {
	w.t.Helper()
	n, err := w.catalog.Sequence(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestADraftTouchesNothingUntilItIsPublishedWhole(t *testing.T) {
	w := newWorld(t)
	before := w.sequence()
	d := w.draft(ann, time.Time{},
		`{"type":"title","id":"t1","op":"merge","year":2002}`,
		`{"type":"license","id":"l2","title":"t3","territories":["*"],"applications":["*"],"model":"free"}`, // its title comes further down
		`{"type":"title","id":"t3","kind":"movie"}`,
		`{"type":"title","id":"t2","op":"delete"}`)
	if got := w.feed(before); got != nil || d.State != draft.Open {
		t.Fatalf("a draft is %s and wrote %v", d.State, got)
	}
	done, err := w.Publish(t.Context(), pia, d.ID, []string{d.Tag()})
	if err != nil {
		t.Fatal(err)
	}
	actor := "pia (draft " + d.ID + ")"
	want := fmt.Sprintf("[%[1]s updated t1 %[1]s created t3 %[1]s deleted t2 %[1]s created l2]", actor)
	if got := fmt.Sprint(w.feed(before)); got != want {
		t.Errorf("the feed says %s\nwant %s", got, want)
	}
	if again := w.get(d.ID); again.State != draft.Published || again.PublishedBy != "pia" || again.Changes != 4 || again.Version != 2 || done.State != again.State {
		t.Errorf("got %+v", again)
	}
	// Asked again, it says the same and does nothing.
	if _, err := w.Publish(t.Context(), pia, d.ID, any1); err != nil || w.sequence() != before+4 {
		t.Errorf("a second time: %v, %d changes", err, w.sequence()-before)
	}
}

func TestAConflictSaysWhatHasChangedAndPublishesNothing(t *testing.T) {
	w := newWorld(t)
	d := w.draft(ann, time.Time{},
		`{"type":"title","id":"t2","op":"merge","year":1999}`,
		`{"type":"title","id":"t1","op":"merge","year":2002}`,
		`{"type":"title","id":"t9","kind":"movie"}`,
		`{"type":"license","id":"l1","op":"delete"}`)
	w.write(`{"type":"title","id":"t1","op":"merge","year":2003,"texts":{"name":{"fi":"Yksi"}}}`,
		`{"type":"title","id":"t9","kind":"series"}`, `{"type":"license","id":"l1","op":"delete"}`)
	before := w.sequence()
	_, err := w.Publish(t.Context(), pia, d.ID, any1)
	refused, ok := errors.AsType[*draft.RefusalError](err)
	if !ok || ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Fatalf("got %v", err)
	}
	var got []string
	for _, r := range refused.Records {
		line := fmt.Sprintf("%d %s:", r.Place, r.ID)
		for _, f := range r.Since {
			line += fmt.Sprintf(" %s %s>%s", f.Field, f.Before, f.After)
		}
		got = append(got, line)
	}
	for i, want := range []string{`1 t1: texts.name.fi >"Yksi" year 2001>2003`, `2 t9: kind >"series"`, `3 l1: applications ["tv"]>`} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("got %q\nwant %s", got, want)
		}
	}
	if w.sequence() != before || w.get(d.ID).State != draft.Open {
		t.Errorf("it had an effect: %v, %s", w.feed(before), w.get(d.ID).State)
	}
	// Drafted again, on what is there now, it is published.
	_, err = w.Update(t.Context(), ann, d.ID, any1, draft.Change{Replace: true, Records: proposals(`{"type":"title","id":"t1","op":"merge","year":2002}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Publish(t.Context(), pia, d.ID, any1); err != nil {
		t.Error(err)
	}
}

func TestAnEditMadeOnSomethingOldIsNotDrafted(t *testing.T) {
	w := newWorld(t)
	there, _, err := w.catalog.One(t.Context(), catalog.TypeTitle, "t1")
	if err != nil {
		t.Fatal(err)
	}
	propose := func() error {
		_, err := w.Create(t.Context(), ann, draft.Change{Name: new("x"), Records: []draft.Proposal{
			{Line: json.RawMessage(`{"type":"title","id":"t1","op":"merge","year":2002}`), Tag: catalog.Tag(there.Form)},
		}})
		return err
	}
	if err := propose(); err != nil {
		t.Fatal(err)
	}
	w.write(`{"type":"title","id":"t1","op":"merge","year":2003}`)
	if err := propose(); ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestAScheduledDraftIsPublishedOnceAtItsInstantOrAsSoonAsSomebodyIsThere(t *testing.T) {
	at := databasetest.Empty(t)
	c := &clock{now: noon}
	processes := []*world{open(t, at, c, nil), open(t, at, c, nil)}
	w := processes[0]
	first := w.draft(pia, noon.Add(2*time.Second), `{"type":"title","id":"a","kind":"movie"}`)
	second := w.draft(pia, noon.Add(time.Second), `{"type":"title","id":"b","kind":"movie"}`)
	if done, next := w.due(); done != "" || !next.Equal(noon.Add(time.Second)) {
		t.Fatalf("before: %q, next %s", done, next)
	}
	c.set(noon.Add(time.Hour)) // nobody was there
	var all sync.WaitGroup
	published := make([]string, len(processes))
	for i, p := range processes {
		all.Go(func() {
			list, _, err := p.PublishDue(t.Context())
			if err != nil {
				t.Error(err)
			}
			for _, d := range list {
				published[i] += d.ID + string(d.State) + " "
			}
		})
	}
	all.Wait()
	both := strings.Join(published, "")
	for _, d := range []*draft.Draft{first, second} {
		if strings.Count(both, d.ID+"published") != 1 || strings.Contains(both, "failed") {
			t.Errorf("published: %q", both)
		}
	}
	if got := w.feed(0); len(got) != 2 || !strings.HasSuffix(got[0], "created b") && !strings.HasSuffix(got[1], "created b") {
		t.Errorf("the feed says %v", got)
	}
	if late := w.get(first.ID).Late(); late != time.Hour-2*time.Second {
		t.Errorf("it is %s late", late)
	}
}

func TestAScheduledDraftThatIsRefusedFailsAndAnEditOpensIt(t *testing.T) {
	w := newWorld(t)
	d := w.draft(pia, noon.Add(time.Second), `{"type":"title","id":"t1","op":"merge","year":2002}`)
	w.write(`{"type":"title","id":"t1","op":"merge","year":2003}`)
	w.clock.set(noon.Add(time.Minute))
	if done, next := w.due(); done != d.ID+" failed;" || !next.IsZero() {
		t.Fatalf("got %q, next %s", done, next)
	}
	if d = w.get(d.ID); !strings.Contains(d.Why, "title t1") || !strings.Contains(d.Why, "(year)") {
		t.Errorf("it says %q", d.Why)
	}
	if done, _ := w.due(); done != "" {
		t.Errorf("it was tried again: %q", done)
	}
	d, err := w.Update(t.Context(), ann, d.ID, any1, draft.Change{Records: proposals(`{"type":"title","id":"t1","op":"merge","year":2002}`)})
	if err != nil || d.State != draft.Open || !d.PublishAt.IsZero() || d.Why != "" || d.Count != 1 {
		t.Errorf("got %+v, %v", d, err)
	}
	if done, _ := w.due(); done != "" {
		t.Errorf("an edit published it: %q", done)
	}
}

func TestOnlyWhoPublishesSaysWhenAndTouchesWhatIsScheduled(t *testing.T) {
	w := newWorld(t)
	soon := noon.Add(time.Hour)
	if _, err := w.Create(t.Context(), ann, draft.Change{Name: new("x"), PublishAt: &soon}); !errors.Is(err, draft.ErrNotAllowed) {
		t.Errorf("an editor scheduled: %v", err)
	}
	open, scheduled := w.draft(ann, time.Time{}, `{"type":"title","id":"a","kind":"movie"}`), w.draft(pia, soon)
	attempts := map[string]func(by draft.Person) error{
		"schedule": func(by draft.Person) error {
			_, err := w.Update(t.Context(), by, open.ID, any1, draft.Change{PublishAt: &soon})
			return err
		},
		"edit what is scheduled": func(by draft.Person) error {
			_, err := w.Update(t.Context(), by, scheduled.ID, any1, draft.Change{Name: new("y")})
			return err
		},
		"take the schedule away": func(by draft.Person) error {
			_, err := w.Update(t.Context(), by, scheduled.ID, any1, draft.Change{PublishAt: new(time.Time)})
			return err
		},
		"publish": func(by draft.Person) error { _, err := w.Publish(t.Context(), by, open.ID, any1); return err },
	}
	for name, attempt := range attempts {
		if err := attempt(ann); !errors.Is(err, draft.ErrNotAllowed) {
			t.Errorf("an editor could %s: %v", name, err)
		}
	}
	for _, name := range []string{"schedule", "edit what is scheduled", "take the schedule away", "publish"} {
		if err := attempts[name](pia); err != nil {
			t.Errorf("a publisher could not %s: %v", name, err)
		}
	}
	if got := w.get(scheduled.ID); got.State != draft.Open || got.ScheduledBy != "" {
		t.Errorf("without its schedule it is %+v", got)
	}
}

func TestAPreviewSaysWhatWouldHappenAndChangesNothing(t *testing.T) {
	w := newWorld(t)
	d := w.draft(ann, time.Time{},
		`{"type":"title","id":"t1","op":"merge","year":2002}`,
		`{"type":"title","id":"t2","op":"put","kind":"movie"}`,
		`{"type":"title","id":"t3","kind":"season","parent":"nobody"}`,
		`{"type":"license","id":"l1","op":"delete"}`)
	before := w.sequence()
	look, err := w.Preview(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range look.Records {
		line := fmt.Sprintf("%s %s %d", r.ID, r.Action, len(r.Fields))
		if r.Refused != nil {
			line += " " + r.Refused.Err.Error()
		}
		got = append(got, line)
	}
	want := "t1 updated 1|t2  0|t3  0 its parent nobody is not in the catalog; import that before this or with it|l1 deleted 4"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	if f := look.Records[0].Fields[0]; f.Field != "year" || string(f.Before) != "2001" || string(f.After) != "2002" {
		t.Errorf("got %+v", f)
	}
	if w.sequence() != before || w.get(d.ID).Version != d.Version {
		t.Errorf("a look changed %v", w.feed(before))
	}
	if there, _, err := w.catalog.One(t.Context(), catalog.TypeTitle, "t1"); err != nil || strings.Contains(string(there.Form), "2002") {
		t.Errorf("a look wrote %s, %v", there.Form, err)
	}
}

// What is told of a publication is committed with it, or neither is.
func TestPublicationAndWhatIsToldOfItAreOne(t *testing.T) {
	broken := errors.New("broken")
	w := open(t, databasetest.Empty(t), &clock{now: noon}, func(context.Context, *sql.Tx, *draft.Draft) error { return broken })
	d := w.draft(pia, noon, `{"type":"title","id":"a","kind":"movie"}`)
	if _, err := w.Publish(t.Context(), pia, d.ID, any1); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, _, err := w.PublishDue(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if w.sequence() != 0 || w.get(d.ID).State != draft.Scheduled {
		t.Errorf("it wrote %v and is %s", w.feed(0), w.get(d.ID).State)
	}
}

func TestChangesSayWhichVersionTheyMean(t *testing.T) {
	w := newWorld(t)
	d := w.draft(ann, time.Time{}, `{"type":"title","id":"a","kind":"movie"}`)
	old := []string{d.Tag()}
	if _, err := w.Update(t.Context(), ann, d.ID, old, draft.Change{Name: new("summer")}); err != nil {
		t.Fatal(err)
	}
	_, update := w.Update(t.Context(), ann, d.ID, old, draft.Change{Name: new("winter")})
	_, cancel := w.Cancel(t.Context(), ann, d.ID, old)
	_, publish := w.Publish(t.Context(), pia, d.ID, old)
	for name, err := range map[string]error{"update": update, "cancel": cancel, "publish": publish, "delete": w.Delete(t.Context(), ann, d.ID, old)} {
		if !errors.Is(err, draft.ErrVersion) {
			t.Errorf("%s of an old version: %v", name, err)
		}
	}
	if got := w.get(d.ID); got.Name != "summer" || got.State != draft.Open {
		t.Errorf("got %+v", got)
	}
	if _, err := w.Cancel(t.Context(), ann, d.ID, any1); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Publish(t.Context(), pia, d.ID, any1); ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("a canceled draft was published: %v", err)
	}
	if err := w.Delete(t.Context(), ann, d.ID, any1); err != nil {
		t.Error(err)
	}
	if _, err := w.Get(t.Context(), d.ID); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestWhatCanNotBeDraftedIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, lines := range [][]string{
		{`{"type":"collection_item","collection":"c","title":"t1","position":"1"}`},
		{`{"type":"title","id":"a","kind":"movie","color":1}`},
		{`no JSON`},
		{`{"type":"title","id":"a","kind":"movie"}`, `{"type":"title","id":"a","op":"delete"}`},
	} {
		if _, err := w.Create(t.Context(), ann, draft.Change{Name: new("x"), Records: proposals(lines...)}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%s: %v", lines, err)
		}
	}
	for _, name := range []string{"", " x", "a\nb", "\xff", strings.Repeat("x", 201)} {
		if _, err := w.Create(t.Context(), ann, draft.Change{Name: &name}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	empty := w.draft(ann, time.Time{})
	if _, err := w.Publish(t.Context(), pia, empty.ID, any1); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("nothing was published: %v", err)
	}
	if _, err := w.Get(t.Context(), "\x00"); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestListsGoByPagesNewestFirst(t *testing.T) {
	w := newWorld(t)
	var made []string
	for i := range 5 {
		w.clock.set(noon.Add(time.Duration(i) * time.Second))
		made = append([]string{w.draft(ann, time.Time{}).ID}, made...)
	}
	if _, err := w.Cancel(t.Context(), ann, made[1], any1); err != nil {
		t.Fatal(err)
	}
	var got []string
	for before := ""; ; before = got[len(got)-1] {
		list, err := w.List(t.Context(), "", before, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			got = append(got, d.ID)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("got  %v\nwant %v", got, made)
	}
	if list, err := w.List(t.Context(), draft.Canceled, "", 10); err != nil || len(list) != 1 || list[0].ID != made[1] {
		t.Errorf("got %v, %v", list, err)
	}
}
