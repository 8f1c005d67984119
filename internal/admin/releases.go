package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ovenbird/internal/ledger"
	"ovenbird/internal/release"
)

// Release sums up a release that is kept.
type Release struct {
	ID         string    `json:"id"`
	Parent     string    `json:"parent,omitempty"`
	Root       string    `json:"root" doc:"hash of its content"`
	AsOf       time.Time `json:"as_of"`
	HorizonEnd time.Time `json:"horizon_end" doc:"until when it knows which windows are open"`
	CreatedAt  time.Time `json:"created_at"`
	Documents  int       `json:"documents" doc:"that viewers can ask for, over all countries"`
	Rows       int       `json:"rows"`
	Objects    int       `json:"objects"`
	Bytes      int64     `json:"bytes"`
	Current    bool      `json:"current" doc:"whether it is served"`
	Pinned     bool      `json:"pinned"`
	Note       string    `json:"note,omitempty" doc:"why it is pinned"`
}

// ReleaseDetail is a release with what its manifest says.
type ReleaseDetail struct {
	Release
	CatalogSequence int64       `json:"catalog_sequence" doc:"of the last change in it"`
	Site            string      `json:"site" doc:"hash of the site's configuration"`
	Editions        []string    `json:"editions" nullable:"false"`
	Transitions     []time.Time `json:"transitions" nullable:"false" doc:"instants at which documents change by themselves"`
}

// ReleaseList is the releases that are kept.
type ReleaseList struct {
	Current  string    `json:"current,omitempty"`
	Hold     *Hold     `json:"hold,omitempty" doc:"there while nothing is published, after a rollback"`
	Releases []Release `json:"releases" nullable:"false" doc:"newest first"`
}

// Hold says why nothing is published.
type Hold struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Difference is the rows in which two releases differ.
type Difference struct {
	Rows []string `json:"rows" nullable:"false" doc:"edition and path of documents"`
	More bool     `json:"more" doc:"whether there are more than the limit"`
}

// BakeRequest asks for a bake.
type BakeRequest struct {
	Reason      string `json:"reason,omitempty" maxLength:"200" doc:"for the log"`
	Full        bool   `json:"full,omitempty" doc:"bake everything, even where an update would do"`
	AllowShrink bool   `json:"allow_shrink,omitempty" doc:"publish even if many documents are gone"`
}

// BakeStatus says how far a bake is.
type BakeStatus string

// How far a bake is.
const (
	BakeQueued    BakeStatus = "queued"
	BakeRunning   BakeStatus = "running"
	BakePublished BakeStatus = "published" // a new release is served
	BakeUnchanged BakeStatus = "unchanged" // the release that is served is what a new one would be
	BakeHeld      BakeStatus = "held"      // not served until a person allows it
	BakeFailed    BakeStatus = "failed"
)

// Bake is a bake that was asked for.
type Bake struct {
	ID        string     `json:"id"`
	Status    BakeStatus `json:"status" enum:"queued,running,published,unchanged,held,failed"`
	Release   string     `json:"release,omitempty" doc:"that is served after it"`
	Sequence  int64      `json:"catalog_sequence,omitempty" doc:"of the last change that was baked"`
	Documents int        `json:"documents,omitempty"`
	Why       string     `json:"why,omitempty" doc:"why it is held or failed, and what to do"`
}

// ReleaseAddress is where a release is.
type ReleaseAddress struct {
	ID string `path:"id" maxLength:"128"`
}

// IdempotencyHeader lets a client repeat a request.
type IdempotencyHeader struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"the same key and request get the same answer for 24 hours"`
}

type (
	releasesOutput struct{ Body ReleaseList }
	releaseOutput  struct{ Body ReleaseDetail }
	diffInput      struct {
		ReleaseAddress
		To    string `path:"to" maxLength:"128"`
		Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
	}
	diffOutput struct{ Body Difference }
	pinInput   struct {
		ReleaseAddress
		IdempotencyHeader
		Body struct {
			Note string `json:"note,omitempty" maxLength:"1000" doc:"why it is kept"`
		}
	}
	actionInput struct {
		ReleaseAddress
		IdempotencyHeader
	}
	rollbackInput struct {
		ReleaseAddress
		IdempotencyHeader
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"for those who find publishing held"`
		}
	}
	resumeInput struct{ IdempotencyHeader }
	bakeInput   struct {
		IdempotencyHeader
		Body BakeRequest
	}
	bakeOutput struct {
		Location string `header:"Location"`
		Body     Bake
	}
	bakeAddress struct {
		ID string `path:"id" maxLength:"200"`
	}
	bakeStatus struct{ Body Bake }
)

func (a *API) registerReleases() {
	op := func(id, method, path, summary string, errs ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"releases"}, Errors: errs}
	}
	const (
		notFound = http.StatusNotFound
		conflict = http.StatusConflict
		invalid  = http.StatusUnprocessableEntity
	)
	register(a, Viewer, op("list-releases", http.MethodGet, "/releases", "List the releases that are kept"), a.listReleases)
	register(a, Viewer, op("get-release", http.MethodGet, "/releases/{id}", "Read what a release is", notFound), a.getRelease)
	register(a, Viewer, op("diff-releases", http.MethodGet, "/releases/{id}/diff/{to}", "Compare two releases", notFound), a.diffReleases)
	register(a, Publisher, op("pin-release", http.MethodPut, "/releases/{id}/pin", "Keep a release until it is unpinned",
		notFound, conflict, invalid), a.pin)
	register(a, Publisher, op("unpin-release", http.MethodDelete, "/releases/{id}/pin", "Let a release go when its time comes",
		notFound, conflict), a.unpin)
	back := op("rollback", http.MethodPost, "/releases/{id}/rollback", "Serve an earlier release at once", notFound, conflict, invalid)
	back.Description = "Publishing is held until it is resumed. A release past its horizon is refused."
	register(a, Publisher, back, a.rollback)
	register(a, Publisher, op("resume", http.MethodPost, "/releases/resume", "Publish again after a rollback", conflict), a.resume)
	start := op("start-bake", http.MethodPost, "/bakes", "Bake the catalog now", conflict, invalid)
	start.DefaultStatus = http.StatusAccepted
	start.Description = "A bake after each edit happens by itself; this is for one that is held, or to be sure."
	register(a, Publisher, start, a.startBake)
	register(a, Viewer, op("get-bake", http.MethodGet, "/bakes/{id}", "See how far a bake is", notFound), a.getBake)
}

func summary(h release.Head, k release.Kept) Release {
	return Release{
		ID: k.ID, Parent: k.Parent, Root: k.Root.String(), AsOf: k.AsOf, HorizonEnd: k.HorizonEnd, CreatedAt: k.CreatedAt,
		Documents: k.Counts.Documents, Rows: k.Counts.Rows, Objects: k.Counts.Objects, Bytes: k.Counts.Bytes,
		Current: k.ID == h.Current, Pinned: k.Pinned, Note: k.Note,
	}
}

func listOf(h release.Head) *releasesOutput {
	out := ReleaseList{Current: h.Current, Releases: make([]Release, 0, len(h.Releases))}
	if h.Hold != nil {
		out.Hold = &Hold{h.Hold.Reason, h.Hold.Since}
	}
	for _, k := range h.Releases {
		out.Releases = append(out.Releases, summary(h, k))
	}
	return &releasesOutput{out}
}

func (a *API) listReleases(ctx context.Context, _ *struct{}) (*releasesOutput, error) {
	return told(a.releases.Head(ctx))
}

// told turns what happened to the head into the list of releases.
func told(h release.Head, err error) (*releasesOutput, error) {
	if err != nil {
		return nil, err
	}
	return listOf(h), nil
}

// recorded changes the head and records that, with what it said before and after.
// The head is not in the database, so the record follows it: where it can not be
// written, the answer is an error, and the change was made.
func (a *API) recorded(ctx context.Context, e ledger.Event, change func() (release.Head, error)) (*releasesOutput, error) {
	before, err := a.releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	after, err := change()
	if err != nil || after.Version() == before.Version() {
		return told(after, err)
	}
	e.Before, e.After = before.Sum(e.Target), after.Sum(e.Target)
	return told(after, a.ledger.Add(ctx, e))
}

// load loads a kept release.
func (a *API) load(ctx context.Context, h release.Head, id string) (*release.Release, release.Kept, error) {
	kept, ok := h.Release(id)
	if !ok {
		return nil, kept, problem(http.StatusNotFound, "There is no release with this id any more; the list has those that are kept.")
	}
	r, err := a.releases.Load(ctx, kept.Ref)
	return r, kept, err
}

func (a *API) getRelease(ctx context.Context, in *ReleaseAddress) (*releaseOutput, error) {
	h, err := a.releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	r, kept, err := a.load(ctx, h, in.ID)
	if err != nil {
		return nil, err
	}
	m := r.Manifest()
	out := ReleaseDetail{
		Release: summary(h, kept), CatalogSequence: m.CatalogSequence, Site: m.Site,
		Editions: make([]string, 0, len(m.Editions)), Transitions: make([]time.Time, 0, len(m.Patches)),
	}
	for _, e := range m.Editions {
		out.Editions = append(out.Editions, e.Name)
	}
	for _, p := range m.Patches {
		out.Transitions = append(out.Transitions, p.At)
	}
	return &releaseOutput{out}, nil
}

func (a *API) diffReleases(ctx context.Context, in *diffInput) (*diffOutput, error) {
	h, err := a.releases.Head(ctx)
	if err != nil {
		return nil, err
	}
	from, _, err := a.load(ctx, h, in.ID)
	if err != nil {
		return nil, err
	}
	to, _, err := a.load(ctx, h, in.To)
	if err != nil {
		return nil, err
	}
	out := Difference{Rows: []string{}}
	for change, err := range release.Diff(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		if len(out.Rows) == in.Limit {
			out.More = true
			break
		}
		out.Rows = append(out.Rows, change.Key.String())
	}
	slices.Sort(out.Rows)
	return &diffOutput{out}, nil
}

func (a *API) pin(ctx context.Context, in *pinInput) (*releasesOutput, error) {
	return a.recorded(ctx, ledger.Event{Action: "release.pin", Target: in.ID, Why: in.Body.Note},
		func() (release.Head, error) { return a.releases.Pin(ctx, in.ID, in.Body.Note) })
}

func (a *API) unpin(ctx context.Context, in *actionInput) (*releasesOutput, error) {
	return a.recorded(ctx, ledger.Event{Action: "release.unpin", Target: in.ID},
		func() (release.Head, error) { return a.releases.Unpin(ctx, in.ID) })
}

func (a *API) rollback(ctx context.Context, in *rollbackInput) (*releasesOutput, error) {
	a.log.Warn("rolling back", "release", in.ID, "actor", bearer(ctx).Name, "reason", in.Body.Reason)
	return a.recorded(ctx, ledger.Event{Action: "release.rollback", Target: in.ID, Why: in.Body.Reason},
		func() (release.Head, error) { return a.releases.Rollback(ctx, in.ID, in.Body.Reason, a.now()) })
}

func (a *API) resume(ctx context.Context, _ *resumeInput) (*releasesOutput, error) {
	a.log.Warn("publishing again", "actor", bearer(ctx).Name)
	return a.recorded(ctx, ledger.Event{Action: "release.resume"},
		func() (release.Head, error) { return a.releases.Resume(ctx) })
}

func (a *API) startBake(ctx context.Context, in *bakeInput) (*bakeOutput, error) {
	request := in.Body
	request.Reason = "admin " + bearer(ctx).Name + ": " + request.Reason
	id, err := a.bakes.Submit(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := a.ledger.Add(ctx, ledger.Event{Action: "bake.request", Target: id, Why: in.Body.Reason, After: request}); err != nil {
		return nil, err
	}
	return &bakeOutput{Location: Prefix + "/bakes/" + id, Body: Bake{ID: id, Status: BakeQueued}}, nil
}

func (a *API) getBake(ctx context.Context, in *bakeAddress) (*bakeStatus, error) {
	found, err := a.bakes.Find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &bakeStatus{found}, nil
}
