package draft

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// State says how far a draft is.
type State string

// The states.
const (
	Open      State = "open"
	Scheduled State = "scheduled" // it will be published at an instant
	Published State = "published" // for ever
	Failed    State = "failed"    // it was due and was refused; Why says why. An edit opens it again
	Canceled  State = "canceled"  // for ever
)

// States lists every state.
func States() []State { return []State{Open, Scheduled, Published, Failed, Canceled} }

// MaxRecords is how many records a draft may hold: they are written in one
// transaction, which others wait for.
const MaxRecords = 1000

// maxName is the length, in bytes, of the longest name of a draft.
const maxName = 200

// Draft is a group of edits.
type Draft struct {
	ID      string
	Name    string
	State   State
	Version int64 // 1, 2, 3… with every change
	Count   int   // of the records
	Records []Record

	CreatedAt, ChangedAt time.Time
	CreatedBy, ChangedBy string

	PublishAt   time.Time // when it is, or was, to be published by itself; zero: never
	ScheduledBy string    // who decided that; "" where nobody has

	PublishedAt time.Time // zero where it is not
	PublishedBy string
	Changes     int    // how many records changed the catalog when it was published
	Why         string // it failed
}

// Tag identifies the version of the draft.
func (d *Draft) Tag() string { return "v" + strconv.FormatInt(d.Version, 10) }

// Late is how long after its instant a scheduled draft was published.
func (d *Draft) Late() time.Duration {
	if d.PublishAt.IsZero() || d.PublishedAt.IsZero() {
		return 0
	}
	return max(0, d.PublishedAt.Sub(d.PublishAt))
}

// editable reports whether the draft may still change.
func (d *Draft) editable() bool { return slices.Contains([]State{Open, Scheduled, Failed}, d.State) }

// Record is one edit of a draft.
type Record struct {
	Type catalog.RecordType
	ID   string
	Line json.RawMessage // of an import file
	Base json.RawMessage // the complete record that was there when it was drafted; nil: there was none
}

// parse returns the record as the catalog takes it, with what it expects to find.
func (r *Record) parse() (catalog.Record, error) {
	parsed, err := catalog.ParseRecord(r.Line)
	if err != nil {
		return catalog.Record{}, err
	}
	if r.Base == nil {
		parsed.Expect.Absent = true
	} else {
		parsed.Expect.Tags = []string{catalog.Tag([]byte(r.Base))}
	}
	return parsed, nil
}

// Proposal is an edit to be drafted.
type Proposal struct {
	Line json.RawMessage // of an import file
	// Tag is that of the record that the edit was made on, from the catalog; "" is
	// that of the one that is there now.
	Tag string
}

// Person is who does something.
type Person struct {
	Name string // for the feed of changes
	// Publishes is whether they may decide what viewers get, and when.
	Publishes bool
}

// Change says what is to be different about a draft. What is nil stays.
type Change struct {
	Name      *string
	PublishAt *time.Time // zero: no longer by itself
	// Records are drafted, each in place of one about the same thing that is there.
	Records []Proposal
	// Replace is whether the records that are there go first.
	Replace bool
}

// Why a draft can not be changed or published.
var (
	// ErrVersion says that the draft is not the one that was expected.
	ErrVersion = errors.New("it has changed since it was read")
	// ErrNotAllowed says that it takes somebody who publishes.
	ErrNotAllowed = errors.New("it takes somebody who may publish")
)

func notThere(id string) error {
	return ovenbird.Errorf(ovenbird.NotFound, "there is no draft %q", id)
}
