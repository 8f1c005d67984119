package importer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/catalog"
)

// spill is a temporary file of records that wait for others, in order. Memory
// holds a number for each, not the record.
type spill struct {
	file *os.File
	out  *bufio.Writer
}

// spilled is an entry as it stands in a spill.
type spilled struct {
	Line   int64          `json:"line"`
	Raw    string         `json:"raw"`
	Record jsontext.Value `json:"record"`
}

func newSpill(dir string) (*spill, error) {
	file, err := os.CreateTemp(dir, "ovenbird-import-*.ndjson")
	if err != nil {
		return nil, fmt.Errorf("make a file for records that wait: %w", err)
	}
	return &spill{file: file, out: bufio.NewWriter(file)}, nil
}

func (s *spill) close() error {
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

func (s *spill) add(e entry) error {
	form, err := e.record.MarshalJSON()
	if err != nil {
		return err
	}
	line, err := json.Marshal(spilled{e.line, e.raw, form}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return err
	}
	_, err = s.out.Write(append(line, '\n'))
	return err
}

// each reads the spill from its start.
func (s *spill) each(fn func(entry) error) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	dec := jsontext.NewDecoder(bufio.NewReader(s.file))
	for {
		var e spilled
		if err := json.UnmarshalDecode(dec, &e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		record, err := catalog.ParseRecord(e.Record)
		if err != nil {
			return err
		}
		if err := fn(entry{e.Line, e.Raw, record}); err != nil {
			return err
		}
	}
}

// wait keeps an entry for the end of the file.
func (r *run) wait(e entry) error {
	if r.spill == nil {
		var err error
		if r.spill, err = newSpill(r.cfg.TempDir); err != nil {
			return err
		}
	}
	if err := r.spill.add(e); err != nil {
		return fmt.Errorf("keep %s for later: %w", &e.record, err)
	}
	r.waitingIDs[r.id(&e.record)] = true
	r.report.Waiting++
	return nil
}

// retry tries the records that wait, until none are left or a whole pass has
// helped none; then they are refused.
func (r *run) retry(ctx context.Context) error {
	for r.spill != nil {
		before := r.report.Waiting
		if err := r.pass(ctx); err != nil {
			return err
		}
		r.final = r.report.Waiting == before
	}
	return nil
}

// pass adds every waiting record again. Those that still wait make a new spill.
func (r *run) pass(ctx context.Context) (err error) {
	old := r.spill
	r.spill, r.report.Waiting = nil, 0
	clear(r.waitingIDs)
	defer func() { err = errors.Join(err, old.close()) }()
	err = old.each(func(e entry) error {
		r.report.Records-- // counted when it was first read
		return r.add(ctx, e)
	})
	if err != nil {
		return err
	}
	return r.flush(ctx)
}
