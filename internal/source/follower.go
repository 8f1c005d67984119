package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"ovenbird/internal/catalog"
	"ovenbird/internal/importer"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/site"
)

// follower reads one source.
type follower struct {
	site.Source
	mappings    map[string]*importer.Mapping // by query; nil for NDJSON
	fingerprint string                       // of what decides what becomes of the same content
	dir         string                       // the site's folder
	tempDir     string
	batch       int // records in a transaction
	secret      func(name string) (string, error)
}

// newFollower compiles the mappings of a source.
func newFollower(s site.Source, cfg *Config) (*follower, error) {
	f := &follower{
		Source: s, mappings: make(map[string]*importer.Mapping), dir: cfg.Dir, tempDir: cfg.TempDir, batch: cmp.Or(cfg.BatchSize, 10_000),
		secret: func(name string) (string, error) { return Secret(cfg.Environment, name) },
	}
	mark := []string{s.Database, s.Feed}
	for _, q := range s.Queries {
		mark = append(mark, q.Name, q.SQL)
		if q.Mapping == "" {
			continue
		}
		mapping, err := importer.LoadMapping(q.Mapping)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		f.mappings[q.Name] = mapping
		mark = append(mark, mapping.Fingerprint())
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", mark))
	f.fingerprint = hex.EncodeToString(sum[:])
	return f, nil
}

// openDatabase begins to read the source's database, whose address stands in the
// site where it is no secret.
func (f *follower) openDatabase(ctx context.Context) (snapshot, error) {
	address := f.Database
	if !strings.HasPrefix(address, site.SQLitePrefix) {
		var err error
		if address, err = f.secret(f.Database); err != nil {
			return nil, err
		}
	}
	return openDatabase(ctx, address, f.dir, f.Timeout)
}

// openFeed gets the feed, unless it is as it was last.
func (f *follower) openFeed(ctx context.Context, last Validators) (importer.Source, io.Closer, Validators, error) {
	remote := &feed{address: f.Feed, tempDir: f.tempDir, client: newClient()}
	if f.Authorization != "" {
		var err error
		if remote.authorization, err = f.secret(f.Authorization); err != nil {
			return importer.Source{}, nil, last, err
		}
	}
	return remote.open(ctx, last)
}

// errColumns says that a mapping does not fit the columns any more.
var errColumns = errors.New("the columns do not fit the mapping")

// read reads the whole source, within its timeout. The caller closes what it returns,
// which is there even where the columns do not fit: then err has errColumns.
func (f *follower) read(ctx context.Context, good *Good) (*reading, error) {
	r, err := newReading(f.tempDir, f.Rows)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	if f.Feed != "" {
		err = f.readFeed(limited, r, good)
	} else {
		err = f.readDatabase(limited, r)
	}
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		err = ovenbird.Errorf(ovenbird.Unavailable, "it was not read within %s: %w", f.Timeout, err)
	}
	if err != nil && !errors.Is(err, errColumns) {
		return nil, errors.Join(err, r.close())
	}
	return r, err
}

func (f *follower) readDatabase(ctx context.Context, r *reading) (err error) {
	d, err := f.openDatabase(ctx)
	if err != nil {
		return err
	}
	// Nothing is lost where the end of the transaction can not be told.
	defer func() { _ = d.close(context.WithoutCancel(ctx)) }()
	rights, err := d.rights(ctx)
	if err != nil {
		return err
	}
	r.warn(rights)
	for _, q := range f.Queries {
		if err := f.readQuery(ctx, d, q, r); err != nil {
			return fmt.Errorf("query %s: %w", q.Name, err)
		}
	}
	return nil
}

func (f *follower) readQuery(ctx context.Context, d snapshot, q site.Query, r *reading) error {
	var table *importer.Table
	var number int64
	begin := func(columns []Column) (err error) {
		r.columns[q.Name] = columns
		table, err = bind(f.mappings[q.Name], "query "+q.Name, columns)
		return err
	}
	return d.read(ctx, q.SQL, begin, func(texts []string) error {
		number++
		return r.take(q.Name, number, texts, table)
	})
}

// bind binds a mapping to columns, each of which needs a name of its own.
func bind(m *importer.Mapping, name string, columns []Column) (*importer.Table, error) {
	header, seen := make([]string, len(columns)), make(map[string]bool)
	for i, c := range columns {
		if seen[c.Name] {
			return nil, ovenbird.Errorf(ovenbird.Invalid, "%s has two columns %q; give each a name of its own with AS", name, c.Name)
		}
		header[i], seen[c.Name] = c.Name, true
	}
	table, err := m.Bind(name, header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errColumns, err)
	}
	return table, nil
}

func (f *follower) readFeed(ctx context.Context, r *reading, good *Good) (err error) {
	var last Validators
	if good != nil && good.Fingerprint == f.fingerprint {
		last = good.Validators
	}
	content, closer, now, err := f.openFeed(ctx, last)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	r.validators = now
	if err := importer.Read(content, f.mappings[site.FeedQuery], rowBytes, f.visitor(r)); err != nil {
		return fmt.Errorf("read the feed: %w", err)
	}
	return nil
}

// visitor takes in what a feed holds.
func (f *follower) visitor(r *reading) importer.Visitor {
	var table *importer.Table
	return importer.Visitor{
		Begin: func(header []string) (err error) {
			columns := make([]Column, len(header))
			for i, name := range header {
				columns[i] = Column{name, Text}
			}
			r.columns[site.FeedQuery] = columns
			table, err = bind(f.mappings[site.FeedQuery], "the feed", columns)
			return err
		},
		Row: func(line int64, fields []string) error { return r.take(site.FeedQuery, line, fields, table) },
		Record: func(line int64, record catalog.Record) error {
			if err := r.row(); err != nil {
				return err
			}
			return r.add(site.FeedQuery, line, &record)
		},
		Refused: func(line int64, reason error) error {
			if err := r.row(); err != nil {
				return err
			}
			r.refuseRow(site.FeedQuery, line, reason)
			return nil
		},
	}
}

// check connects, and holds the columns against the mappings without reading
// rows. Warnings work, and are probably not what was meant.
func (f *follower) check(ctx context.Context) (warnings []string, err error) {
	limited, cancel := context.WithTimeout(ctx, min(f.Timeout, 2*connectTimeout))
	defer cancel()
	if f.Webhook != "" {
		if _, err := f.secret(f.Webhook); err != nil {
			warnings = append(warnings, fmt.Sprintf("its webhook answers nobody: %v", err))
		}
	}
	if f.Feed != "" {
		return warnings, f.checkFeed(limited)
	}
	d, err := f.openDatabase(limited)
	if err != nil {
		return warnings, err
	}
	defer func() { _ = d.close(context.WithoutCancel(ctx)) }()
	rights, err := d.rights(limited)
	if err != nil {
		return warnings, err
	}
	if rights != "" {
		warnings = append(warnings, rights)
	}
	for _, q := range f.Queries {
		columns, err := d.columns(limited, q.SQL)
		if err == nil {
			_, err = bind(f.mappings[q.Name], "query "+q.Name, columns)
		}
		if err != nil {
			return warnings, fmt.Errorf("query %s: %w", q.Name, err)
		}
	}
	return warnings, nil
}

// checkFeed reads the feed up to its first row.
func (f *follower) checkFeed(ctx context.Context) error {
	r, err := newReading(f.tempDir, 1)
	if err != nil {
		return err
	}
	defer func() { _ = r.close() }()
	v := f.visitor(r)
	v.Row = func(int64, []string) error { return io.EOF }
	v.Record = func(int64, catalog.Record) error { return io.EOF }
	content, closer, _, err := f.openFeed(ctx, Validators{})
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()
	if err := importer.Read(content, f.mappings[site.FeedQuery], rowBytes, v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the feed: %w", err)
	}
	return nil
}
