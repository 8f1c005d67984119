package importer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/catalog"
)

// spilled is an entry as it stands in the journal of records that wait for
// others, in order. Memory holds a few bits for each, not the record.
type spilled struct {
	Line   int64          `json:"line"`
	Part   string         `json:"part,omitzero"`
	Raw    string         `json:"raw"`
	Record jsontext.Value `json:"record,omitzero"` // absent where Raw is the record
	Vanish bool           `json:"vanish,omitzero"`
}

// spill keeps an entry in a journal. Plain says that the row is the record.
func spill(to *journal, e *entry, plain bool) error {
	var form jsontext.Value
	if !plain {
		var err error
		if form, err = e.record.MarshalJSON(); err != nil {
			return err
		}
	}
	line, err := json.Marshal(spilled{e.line, e.part, e.raw, form, e.vanish}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	return to.add(line)
}

// eachSpilled reads a journal from its start.
func eachSpilled(from *journal, fn func(entry) error) error {
	in, err := from.reader()
	if err != nil {
		return err
	}
	dec := jsontext.NewDecoder(bufio.NewReader(in))
	for {
		var e spilled
		if err := json.UnmarshalDecode(dec, &e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if e.Record == nil {
			e.Record = jsontext.Value(e.Raw)
		}
		record, err := catalog.ParseRecord(e.Record)
		if err != nil {
			return err
		}
		if err := fn(entry{line: e.Line, part: e.Part, raw: e.Raw, record: record, vanish: e.Vanish}); err != nil {
			return err
		}
	}
}

// wait keeps an entry for the end of the file.
func (r *run) wait(e *entry) error {
	plain := r.cfg.Mapping == nil && e.raw != ""
	if err := spill(r.spill, e, plain); err != nil {
		return fmt.Errorf("keep %s for later: %w", &e.record, err)
	}
	r.waiting.add(r.id(&e.record))
	r.report.Waiting++
	return nil
}

// retry tries the records that wait, until none are left or a whole pass has
// helped none; then they are refused.
func (r *run) retry(ctx context.Context) error {
	r.final = false
	for r.report.Waiting > 0 {
		before := r.report.Waiting
		if err := r.pass(ctx); err != nil {
			return err
		}
		r.final = r.report.Waiting == before
	}
	return nil
}

func (r *run) temporary() *journal { return &journal{dir: r.cfg.TempDir} }

// pass adds every waiting record again. Those that still wait make a new
// journal; the one that was written while the file was read stays to the end of
// the run, for a run that goes on after this one.
func (r *run) pass(ctx context.Context) (err error) {
	old := r.spill
	r.spill, r.report.Waiting = r.temporary(), 0
	r.waiting.clear()
	defer func() { err = errors.Join(err, old.close()) }()
	err = eachSpilled(old, func(e entry) error {
		r.report.Records-- // counted when it was first read
		return r.add(ctx, &e)
	})
	if err != nil {
		return err
	}
	return r.flush(ctx)
}
