package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/database"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/trace"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says what the catalog accepts.
type Config struct {
	// TextBytes is how long one text in one locale may be; 0 means 64 KiB.
	TextBytes int
	// KnownGroups reports whether the site defines a group of countries of this
	// name. Nil takes any name of three letters or more.
	KnownGroups func(name string) bool
}

// Deps are what the catalog stands on.
type Deps struct {
	DB *database.DB
	// Now stamps changes; nil means time.Now.
	Now func() time.Time
	// Changed is called after each commit of this Store that changed the catalog. It
	// must not wait for anything. Nil means nobody wants to know.
	Changed func()
}

// Store is the catalog in a database. Any number of goroutines may use it.
type Store struct {
	cfg   Config
	db    *database.DB
	index indexer
	now   func() time.Time

	changed func()
}

// New brings the catalog's tables up to date and returns the catalog. The
// database stays the caller's to close.
func New(ctx context.Context, cfg Config, deps Deps) (*Store, error) {
	cfg.TextBytes = cmp.Or(cfg.TextBytes, 64<<10)
	if cfg.KnownGroups == nil {
		cfg.KnownGroups = func(name string) bool { return len(name) > 2 }
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Changed == nil {
		deps.Changed = func() {}
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("open the catalog: %w", err)
	}
	if err := deps.DB.Migrate(ctx, "catalog", files); err != nil {
		return nil, fmt.Errorf("open the catalog: %w", err)
	}
	if err := migrateIndex(ctx, deps.DB); err != nil {
		return nil, fmt.Errorf("open the catalog: %w", err)
	}
	s := &Store{cfg: cfg, db: deps.DB, index: sqliteIndex{}, now: deps.Now, changed: deps.Changed}
	if deps.DB.Dialect() == database.PostgreSQL {
		s.index = postgresIndex{}
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, fmt.Errorf("open the catalog: %w", err)
	}
	return s, nil
}

// Batch is what Apply writes in one transaction.
type Batch struct {
	Actor   string // who writes, for the feed; never empty
	Records []Record
	Atomic  bool // whether one refused record refuses them all
	// Also, when it is not nil, runs in the batch's transaction after its writes:
	// what it writes is committed with them, and its error rolls them back. It may
	// run several times, like any function given to database.DB.Tx.
	Also func(ctx context.Context, tx *sql.Tx, results []Result) error
}

// Result is what became of one record.
type Result struct {
	Changed bool   // whether the catalog is different now
	Action  Action // what became of the thing; "" when nothing did
	Err     error  // why it was refused; nil when it was not
	Waits   bool   // whether the same record may be taken once others are there or gone
	// Form is the complete put record of what is there afterwards, nil where that
	// is nothing; only for records that expect something.
	Form jsontext.Value
}

// Apply writes a batch: all its effects and their feed entries, or, on an error,
// nothing. Records take effect in order, but one may refer to another further
// down: a child may stand before its parent. A record that is refused says why
// in its Result and stops only those that depend on it, unless the batch is
// atomic: then it is the error.
func (s *Store) Apply(ctx context.Context, b Batch) (_ []Result, err error) {
	ctx, span := trace.Start(ctx, "write to the catalog",
		slog.String("ovenbird.actor", b.Actor), slog.Int("ovenbird.records", len(b.Records)))
	defer func() { span.End(err) }()
	if b.Actor == "" {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "a change needs an actor: who makes it")
	}
	p := &plan{}
	check := newChecker(s.cfg)
	err = s.db.Tx(ctx, func(tx *sql.Tx) error {
		state, err := load(ctx, tx, needsOf(b.Records))
		if err != nil {
			return err
		}
		*p = plan{state: state, check: check}
		p.run(b.Records)
		if err := p.refusal(b); err != nil {
			return err
		}
		if err := s.write(ctx, tx, b.Actor, p.effects); err != nil {
			return err
		}
		if b.Also == nil {
			return nil
		}
		return b.Also(ctx, tx, p.results)
	})
	if err != nil {
		return nil, fmt.Errorf("apply %d records: %w", len(b.Records), err)
	}
	if len(p.effects) > 0 {
		s.changed()
	}
	return p.results, nil
}

// refusal returns the first refused record of an atomic batch as an error.
func (p *plan) refusal(b Batch) error {
	if !b.Atomic {
		return nil
	}
	for i, result := range p.results {
		if result.Err != nil {
			err := ovenbird.Errorf(ovenbird.CodeOf(result.Err), "record %d, %s: %w", i+1, &b.Records[i], result.Err)
			return &batchError{err, p.results}
		}
	}
	return nil
}
