package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Config says how much to look at.
type Config struct {
	// Variations is how many variations to draw; 0 means all.
	Variations int
	// Instants is how many of the release's transitions to draw for each
	// variation, beside the instant of the release; less than 0 means all.
	Instants int
	// Seed decides the draw: the same seed, the same sample.
	Seed uint64
	// Edge is the address of an edge to ask too, such as http://127.0.0.1:8080; it
	// must believe the address (country policy "address"). "" asks none.
	Edge string
	// Most is how many violations to report; 0 means 100.
	Most int
	// Progress is called after each variation. Nil means nobody wants to know.
	Progress func(done, of int)
}

// Deps is what an audit looks at.
type Deps struct {
	Model   *model.Model
	Site    *model.Site
	Release *release.Release
	// Tree is a tree of plain files to look at too, and then only variations that it
	// has are drawn. Nil means none.
	Tree tree
	// Now is the edge's clock; nil means time.Now.
	Now func() time.Time
}

// tree is documents in plain files; *tree.Reader is one.
type tree interface {
	// Has reports whether a variation belongs in the tree.
	Has(country ovenbird.Country, edition string) bool
	// Documents returns a variation's documents by path, and by the names of other
	// files, such as precompressed copies, what is wrong with those.
	Documents(ctx context.Context, country ovenbird.Country, edition string) (
		documents map[string][]byte, wrong map[string]string, err error)
}

// Kind says what is wrong with a document.
type Kind string

// The kinds.
const (
	Missing   Kind = "missing"   // it has to be there and is not
	Forbidden Kind = "forbidden" // it is there and must not be
	Different Kind = "different" // it says something else
	Copy      Kind = "copy"      // a file that has to be the same as a document is not; Found says why
)

// Violation is a document that is not as it has to be.
type Violation struct {
	Where    string           `json:"where"` // "release", "edge" or "tree"
	Kind     Kind             `json:"kind"`
	Country  ovenbird.Country `json:"country"`
	Edition  string           `json:"edition"`
	Path     string           `json:"path"`
	At       time.Time        `json:"at"`
	Expected string           `json:"expected,omitempty"` // from shortly before the first difference on
	Found    string           `json:"found,omitempty"`
}

// Report is the outcome of an audit.
type Report struct {
	Release    string      `json:"release"`
	Seed       uint64      `json:"seed"`
	Variations int         `json:"variations"`
	Of         int         `json:"of_variations"`
	Sights     int         `json:"sights"`    // variations at instants
	Documents  int         `json:"documents"` // that were compared in the release
	Asked      int         `json:"asked"`     // requests to the edge
	Violations []Violation `json:"violations"`
	// More is how many violations there are beside those listed.
	More int `json:"more,omitempty"`
}

// Good reports whether nothing was found.
func (r *Report) Good() bool { return len(r.Violations) == 0 }

// auditor is one audit.
type auditor struct {
	Config
	Deps
	random *rand.Rand
	found  *reading
	report Report
}

// Run audits a release. Violations are in the report; an error means that the
// audit did not come to an end, or that the release is not whole.
func Run(ctx context.Context, config Config, deps Deps) (*Report, error) {
	if err := deps.Release.Verify(ctx); err != nil {
		return nil, fmt.Errorf("release %s: %w", deps.Release.Ref().ID, err)
	}
	if config.Most == 0 {
		config.Most = 100
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	content, err := deps.Release.Content(ctx)
	if err != nil {
		return nil, err
	}
	a := &auditor{
		Config: config, Deps: deps,
		random: rand.New(rand.NewPCG(config.Seed, 0)), //nolint:gosec // a sample, not a secret
		found:  &reading{release: deps.Release, content: content, objects: make(map[release.Hash][]byte)},
		report: Report{Release: deps.Release.Ref().ID, Seed: config.Seed, Violations: []Violation{}},
	}
	variations := deps.Site.Variations()
	if a.Tree != nil {
		variations = slices.DeleteFunc(variations, func(v model.Variation) bool { return !a.Tree.Has(v.Country, v.Edition()) })
	}
	a.report.Of = len(variations)
	a.random.Shuffle(len(variations), func(i, j int) { variations[i], variations[j] = variations[j], variations[i] })
	if config.Variations > 0 {
		variations = variations[:min(config.Variations, len(variations))]
	}
	for i, v := range variations {
		if err := a.variation(ctx, v); err != nil {
			return nil, fmt.Errorf("variation %s/%s: %w", v.Country, v.Edition(), err)
		}
		a.report.Variations++
		if config.Progress != nil {
			config.Progress(i+1, len(variations))
		}
	}
	return &a.report, nil
}

// variation audits one variation: as of the release's instant, as of drawn
// transitions and right before them, after the horizon, and at the edge as of now.
func (a *auditor) variation(ctx context.Context, v model.Variation) error {
	m := a.Release.Manifest()
	instants := []time.Time{m.AsOf}
	for _, at := range a.draw(a.Model.Transitions(m.AsOf, m.HorizonEnd.Add(-1))) {
		instants = append(instants, at.Add(-1), at)
	}
	for _, at := range instants {
		found, err := a.found.documents(ctx, v, at)
		if err != nil {
			return err
		}
		a.report.Sights++
		a.report.Documents += len(found)
		for _, d := range a.Model.At(v, at).Compare(found) {
			a.add("release", v, at, d)
		}
	}
	if err := a.afterHorizon(ctx, v); err != nil {
		return err
	}
	if a.Edge != "" {
		if err := a.ask(ctx, v); err != nil {
			return err
		}
	}
	if a.Tree == nil {
		return nil
	}
	return a.look(ctx, v)
}

// draw takes some of the transitions, in any order.
func (a *auditor) draw(transitions []time.Time) []time.Time {
	drawn := slices.Clone(transitions)
	a.random.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	if a.Instants < 0 {
		return drawn
	}
	return drawn[:min(a.Instants, len(drawn))]
}

func (a *auditor) add(where string, v model.Variation, at time.Time, d model.Difference) {
	violation := Violation{Where: where, Kind: Different, Country: v.Country, Edition: v.Edition(), Path: d.Path, At: at.UTC()}
	switch {
	case d.Found == nil:
		violation.Kind = Missing
	case d.Expected == nil:
		violation.Kind = Forbidden
	default:
		violation.Expected, violation.Found = around(d.Expected, d.Found)
	}
	a.violate(violation)
}

// violate notes a violation, if there is room for it.
func (a *auditor) violate(v Violation) {
	if len(a.report.Violations) >= a.Most {
		a.report.More++
		return
	}
	a.report.Violations = append(a.report.Violations, v)
}

// around returns what two texts say around their first difference.
func around(a, b []byte) (string, string) {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	part := func(s []byte) string { return string(s[max(0, same-40):min(len(s), same+80)]) }
	return part(a), part(b)
}
