package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
)

// Request asks for a run of a source.
type Request struct {
	Source string `json:"source"`
	Reason string `json:"reason"` // for the log: "schedule", "webhook", "command"
	// Allow lets through what the source is held for: the columns that were found,
	// and as many vanished records, not more.
	Allow bool `json:"allow,omitempty"`
}

// Status says how a run ended.
type Status string

// The ways a run ends.
const (
	Changed   Status = "changed"   // the catalog says what the source says, and did not before
	Unchanged Status = "unchanged" // it said so already
	Stopped   Status = "held"      // nothing was written: a person decides
	Failed    Status = "failed"    // nothing was read, or it was not written to the end; it is tried again
)

// Outcome says what a run did.
type Outcome struct {
	Source   string        `json:"source"`
	Status   Status        `json:"status"`
	At       time.Time     `json:"at"` // when it began
	Took     time.Duration `json:"took_ns"`
	Reason   string        `json:"reason"`
	Rows     int64         `json:"rows"`               // read
	Records  int64         `json:"records"`            // that they gave
	Changed  int64         `json:"changed"`            // of those, the ones that the catalog did not have so
	Vanished int64         `json:"vanished"`           // that the source has no longer, and the catalog now neither
	Spared   int64         `json:"spared,omitzero"`    // that may have vanished, or be among refused rows
	Refused  int64         `json:"refused"`            // rows and records
	Refusals []Refusal     `json:"refusals,omitempty"` // the first of them
	Why      []string      `json:"why,omitempty"`      // why it is held or failed
	Warnings []string      `json:"warnings,omitempty"` // what works, and is probably not what was meant
	// Unfit says of a source that is held that nobody can allow it: its query or
	// mapping has to be mended.
	Unfit bool `json:"unfit,omitempty"`
}

// runner runs one source once.
type runner struct {
	*follower
	store   *Store
	ledger  *importer.Ledger
	catalog catalogStore
	now     func() time.Time
}

// run reads the source and brings the catalog to what it says. What can not be
// done is in the outcome; an error is that of ctx, or says that what came of it
// could not be written down.
func (r *runner) run(ctx context.Context, request Request) (Outcome, error) {
	began := time.Now()
	outcome := Outcome{Source: r.Name, At: r.now().UTC(), Reason: request.Reason}
	state, err := r.store.State(ctx, r.Name)
	if err != nil {
		return outcome, err
	}
	failure := r.follow(ctx, request, &state, &outcome)
	if err := ctx.Err(); err != nil {
		return outcome, err
	}
	if failure != nil {
		outcome.Status, outcome.Why = Failed, []string{failure.Error()}
	}
	outcome.Took = time.Since(began)
	state.Last = &outcome
	return outcome, r.store.save(ctx, state)
}

// follow does the work of run, and puts into state what comes of it.
func (r *runner) follow(ctx context.Context, request Request, state *State, outcome *Outcome) error {
	read, err := r.read(ctx, state.Good)
	if errors.Is(err, errUnchanged) {
		outcome.Status, state.Held = Unchanged, nil
		outcome.Rows, outcome.Records = state.Good.Rows, state.Good.Records
		return nil
	}
	if read == nil {
		return err
	}
	defer func() { _ = read.close() }() // a temporary file
	sequence, planErr := r.catalog.Sequence(ctx)
	if planErr != nil {
		return planErr
	}
	plan, planErr := r.plan(ctx, read)
	if planErr != nil {
		return planErr
	}
	outcome.Rows, outcome.Records, outcome.Spared, outcome.Warnings = read.rows, read.records, plan.spared, read.warnings
	hold, noted := r.judge(read, plan, state, request.Allow, err)
	outcome.Warnings = append(outcome.Warnings, noted...)
	if hold == nil {
		err = r.bring(ctx, read, plan, state.Good, sequence, outcome)
	}
	outcome.Refused, outcome.Refusals = read.refused, read.refusals
	switch {
	case hold != nil:
		outcome.Status, outcome.Why, outcome.Unfit, state.Held = Stopped, hold.Why, err != nil, hold
		return nil
	case err != nil:
		return err
	case outcome.Changed+outcome.Vanished > 0:
		outcome.Status = Changed
	default:
		outcome.Status = Unchanged
	}
	state.Held = nil
	state.Good = &Good{
		At: outcome.At, Rows: read.rows, Records: read.records, Columns: read.columns, Fingerprint: r.fingerprint,
		Sequence: sequence, Digest: read.digest.String(), Whole: read.refused == 0,
	}
	if state.Good.Whole { // else it is worth reading again: what stood in the way may be mended
		state.Good.Validators = read.validators
	}
	return nil
}

// actor is who writes, for the feed of changes.
func (r *runner) actor() string { return "source:" + r.Name }

// bring brings the catalog to what was read, unless it is there.
func (r *runner) bring(ctx context.Context, read *reading, p *plan, good *Good, sequence int64, outcome *Outcome) error {
	if same, err := r.same(ctx, read, p, good, sequence); err != nil || same {
		return err
	}
	return r.apply(ctx, read, p, outcome)
}

// plan is what a reading means for the records that are in the catalog.
type plan struct {
	known    map[identity]bool // delivered before, and now
	vanished []key
	losses   map[catalog.RecordType]Losses
	spared   int64
}

// plan compares what was read with whose records are.
func (r *runner) plan(ctx context.Context, read *reading) (*plan, error) {
	p := &plan{known: make(map[identity]bool), losses: make(map[catalog.RecordType]Losses)}
	err := r.ledger.Owners(ctx, func(o importer.Owner) error {
		subject := key{o.Type, o.ID}
		who := subject.identity()
		content, present := read.content[who]
		switch {
		case o.Source != r.Name && content != 0:
			read.content[who] = 0
			read.refused++
			reason := fmt.Sprintf("it is the source %[1]s's; take it out of one of the two, "+
				"or, where %[1]s is no more: ovenbird source forget %[1]s", o.Source)
			read.note(Refusal{Record: string(o.Type) + " " + o.ID, Reason: reason})
		case o.Source != r.Name:
		case present:
			p.known[who] = true
			p.lose(o.Type, 0)
		case read.blind[o.Type]:
			p.spared++
			p.lose(o.Type, 0)
		default:
			p.vanished = append(p.vanished, subject)
			p.lose(o.Type, 1)
		}
		return nil
	})
	return p, err
}

func (p *plan) lose(kind catalog.RecordType, vanished int64) {
	l := p.losses[kind]
	l.Had++
	l.Vanished += vanished
	p.losses[kind] = l
}

// judge says what a person has to decide, nil where there is nothing, and what
// is worth telling. A change of the queries or mappings is a decision already.
func (r *runner) judge(read *reading, p *plan, state *State, allow bool, unfit error) (*Hold, []string) {
	var why, noted []string
	accepted := Hold{}
	if allow && state.Held != nil {
		accepted = *state.Held
	}
	same := state.Good != nil && state.Good.Fingerprint == r.fingerprint
	columnsAccepted := accepted.Columns != nil && reflect.DeepEqual(accepted.Columns, read.columns)
	for _, query := range slices.Sorted(maps.Keys(read.columns)) {
		if !same || columnsAccepted {
			break
		}
		changed, other := columnChanges(query, state.Good.Columns[query], read.columns[query], r.mappings[query].Columns())
		why, noted = append(why, changed...), append(noted, other...)
	}
	if unfit != nil { // nobody can allow what the mapping can not read
		why = append(why, fmt.Sprintf("%v; mend the query or the mapping", unfit))
	} else {
		why = append(why, tooMany(p.losses, accepted.Losses, r.Shrink)...)
	}
	if len(why) == 0 {
		return nil, noted
	}
	hold := &Hold{At: r.now().UTC(), Why: why, Columns: read.columns, Losses: p.losses}
	if state.Held != nil {
		hold.At = state.Held.At
	}
	return hold, noted
}

// apply brings the catalog to what was read. The owner of a record is written
// before it, so that none is ever there that nobody would miss when it vanishes.
func (r *runner) apply(ctx context.Context, read *reading, p *plan, outcome *Outcome) error {
	var fresh []importer.Owner
	if err := read.each(func(k key, _ jsontext.Value) error {
		if !p.known[k.identity()] {
			fresh = append(fresh, r.owner(k))
		}
		return nil
	}); err != nil {
		return err
	}
	if err := r.ledger.Claim(ctx, fresh); err != nil {
		return err
	}
	removals, free := r.removals(p.vanished)
	seen := &observer{catalog: r.catalog}
	err := r.write(ctx, read, removals, seen)
	outcome.Changed, outcome.Vanished = seen.changed, seen.vanished
	if err != nil {
		return err
	}
	for _, k := range seen.removed {
		free = append(free, r.owner(k))
	}
	return r.ledger.Release(ctx, free)
}

func (r *runner) owner(k key) importer.Owner {
	return importer.Owner{Source: r.Name, Type: k.Type, ID: k.ID}
}
