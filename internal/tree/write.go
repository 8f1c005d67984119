package tree

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// writing carries a plan out.
type writing struct {
	*planner
	store   store
	scope   Scope
	press   *press
	workers int
	survey  *survey // nil where it is known what there is
	report  *Report
	note    func(done int)
	done    atomic.Int64
}

// count sums changes up.
func (w *writing) count(changes []change) Plan {
	plan := Plan{Release: w.target.Release.ID, Whole: w.whole}
	files := func(key release.Key, countries ovenbird.CountrySet) (n int) {
		for country := range countries.Indexes {
			n += len(w.target.layout.names(key, country)) * len(w.suffixes())
		}
		return n
	}
	for _, c := range changes {
		plan.Writes += files(c.key, c.write)
		plan.Deletes += files(c.key, c.gone)
	}
	return plan
}

// chunk is how many documents are made before their files are written: it bounds
// what is held in memory.
const chunk = 256

// run does everything in the order of ranks.
func (w *writing) run(ctx context.Context, changes []change) error {
	for r := range ranks {
		var due []change
		for _, c := range changes {
			if c.at(r).Empty() {
				continue
			}
			if due = append(due, c); len(due) == chunk {
				if err := w.step(ctx, r, due); err != nil {
					return err
				}
				due = due[:0]
			}
		}
		if err := w.step(ctx, r, due); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) step(ctx context.Context, r rank, due []change) error {
	if len(due) == 0 {
		return nil
	}
	if r >= deleteEntry {
		return w.remove(ctx, r, due)
	}
	return w.put(ctx, r, due)
}

// file is a file to write.
type file struct {
	name   string
	page   *page
	forced bool
}

// page is a document with its copies, which many files may have.
type page struct {
	bodies  [][]byte // the document itself, then a copy in each coding
	headers []bucket.Headers
}

// part is a document that many files may have.
type part struct {
	change  *change
	variant variant
	page    *page
}

// put writes the files of some documents.
func (w *writing) put(ctx context.Context, r rank, due []change) error {
	var parts []*part
	for i := range due {
		variants, err := w.target.variants(w.known, due[i].key)
		if err != nil {
			return err
		}
		for _, v := range variants {
			if v.countries = v.countries.Intersect(due[i].at(r)); !v.countries.Empty() {
				parts = append(parts, &part{change: &due[i], variant: v})
			}
		}
	}
	bodies, err := w.read(ctx, parts)
	if err != nil {
		return err
	}
	err = parallel(ctx, w.workers, slices.Values(parts), func(_ context.Context, p *part) (err error) {
		p.page, err = w.page(p.change.key, p.variant, bodies)
		return err
	})
	if err != nil {
		return err
	}
	return parallel(ctx, w.workers, w.filesOf(parts), w.putFile)
}

// filesOf yields the files of documents.
func (w *writing) filesOf(parts []*part) iter.Seq[file] {
	return func(yield func(file) bool) {
		for _, p := range parts {
			for country := range p.variant.countries.Indexes {
				for _, name := range w.target.layout.names(p.change.key, country) {
					if !yield(file{name, p.page, p.change.forced.HasIndex(country)}) {
						return
					}
				}
			}
		}
	}
}

// read returns the objects that documents are made from.
func (w *writing) read(ctx context.Context, parts []*part) (map[release.Hash][]byte, error) {
	bodies := make(map[release.Hash][]byte)
	for _, p := range parts {
		if w.known[p.variant.object] == nil {
			bodies[p.variant.object] = nil
		}
		for _, card := range p.variant.cards {
			bodies[card] = nil
		}
	}
	want := make([]release.Hash, 0, len(bodies))
	for h := range bodies {
		want = append(want, h)
	}
	err := w.target.release.Objects(ctx, want, func(h release.Hash, body []byte) error {
		bodies[h] = body
		return nil
	})
	return bodies, err
}

// page makes a document and its copies.
func (w *writing) page(key release.Key, v variant, bodies map[release.Hash][]byte) (*page, error) {
	body := bodies[v.object]
	if t := w.known[v.object]; t != nil {
		slot := 0
		var err error
		body, err = t.Render(nil, func(string) ([]byte, bool) {
			card := bodies[v.cards[slot]]
			slot++
			return card, !release.IsTemplate(card)
		})
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "document %s: %w", key, err)
		}
	}
	headers := bucket.Headers{
		ContentType: "application/json", CacheControl: w.scope.cacheControl(v.soon),
		Metadata: map[string]string{"surrogate-key": strings.Join(key.PurgeKeys(), " ")},
	}
	made := &page{bodies: [][]byte{body}, headers: []bucket.Headers{headers}}
	for _, c := range codingsOf(w.scope.Codings) {
		coded, err := c.encode(w.press, body)
		if err != nil {
			return nil, ovenbird.Errorf(ovenbird.Internal, "compressing document %s with %s: %w", key, c.name, err)
		}
		headers.ContentEncoding = c.name
		made.bodies, made.headers = append(made.bodies, coded), append(made.headers, headers)
	}
	return made, nil
}

// putFile writes a document and its copies, the document last: while there is
// one, there are all.
func (w *writing) putFile(ctx context.Context, f file) error {
	for i, suffix := range slices.Backward(w.suffixes()) {
		name, body := f.name+suffix, f.page.bodies[i]
		if w.survey != nil && !f.forced {
			right, err := w.survey.right(ctx, name, body)
			if err != nil {
				return err
			}
			if right {
				w.tally(&w.report.Kept)
				continue
			}
		}
		if err := w.store.Put(ctx, name, body, f.page.headers[i]); err != nil {
			return storeFailed("writing the tree", err)
		}
		w.tally(&w.report.Written)
	}
	return nil
}

// suffixes returns the endings of a document's files, its own first.
func (w *writing) suffixes() []string {
	all := []string{""}
	for _, c := range codingsOf(w.scope.Codings) {
		all = append(all, c.suffix)
	}
	return all
}

func (w *writing) tally(n *int64) {
	atomic.AddInt64(n, 1)
	w.note(int(w.done.Add(1)))
}

// remove deletes the files of some documents.
func (w *writing) remove(ctx context.Context, r rank, due []change) error {
	return parallel(ctx, w.workers, func(yield func(string) bool) {
		for _, c := range due {
			for country := range c.at(r).Indexes {
				for _, name := range w.target.layout.names(c.key, country) {
					for _, suffix := range w.suffixes() {
						if !yield(name + suffix) {
							return
						}
					}
				}
			}
		}
	}, w.removeFile)
}

func (w *writing) removeFile(ctx context.Context, name string) error {
	err := w.store.Delete(ctx, name)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil // an earlier run came so far
	case err != nil:
		return storeFailed("deleting from the tree", err)
	}
	w.tally(&w.report.Deleted)
	return nil
}

// sweep deletes the files that look like a tree's and that the target does not have.
func (w *writing) sweep(ctx context.Context) error {
	var left []string
	for info, err := range w.store.List(ctx, "") {
		if err != nil {
			return storeFailed("listing what is left", err)
		}
		if belongs(info.Key) && !w.wants(info.Key) {
			left = append(left, info.Key)
			w.report.swept = append(w.report.swept, info.Key)
		}
	}
	documents, err := w.formerDocuments(ctx, left)
	if err != nil {
		return err
	}
	// What links to others goes first, as ever, as far as anybody knows what it is.
	others := slices.DeleteFunc(slices.Clone(left), func(name string) bool { return documents[name] })
	if err := parallel(ctx, w.workers, slices.Values(others), w.removeFile); err != nil {
		return err
	}
	return parallel(ctx, w.workers, maps.Keys(documents), w.removeFile)
}

// formerDocuments returns those of some files that were documents, not lists, in
// what the tree held before.
func (w *writing) formerDocuments(ctx context.Context, names []string) (map[string]bool, error) {
	documents := make(map[string]bool)
	for _, v := range w.former {
		rows := make(map[string]release.Row)
		for _, name := range names {
			document, _, _ := uncoded(name)
			key, _, _ := v.layout.find(document)
			if row, ok := v.rows.Get(key); ok {
				rows[name] = row
			}
		}
		if err := w.known.learn(ctx, v.release, slices.Collect(maps.Values(rows))); err != nil {
			return nil, err
		}
		for name, row := range rows {
			documents[name] = !slices.ContainsFunc(row.Classes, func(c release.Class) bool { return w.known[c.Object] != nil })
		}
	}
	maps.DeleteFunc(documents, func(_ string, document bool) bool { return !document })
	return documents, nil
}

// wants reports whether the target has a file.
func (w *writing) wants(name string) bool {
	document, c, coded := uncoded(name)
	if coded && !slices.Contains(w.scope.Codings, c.name) {
		return false
	}
	key, country, ok := w.target.layout.find(document)
	return ok && w.target.has(key, country)
}

// parallel calls do for every item, several at a time, until one fails or the
// context ends.
func parallel[T any](ctx context.Context, workers int, items iter.Seq[T], do func(ctx context.Context, item T) error) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan T)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for item := range queue {
				if err := working.Err(); err != nil {
					return
				}
				if err := do(working, item); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for item := range items {
		select {
		case queue <- item:
			continue
		case <-working.Done():
		}
		break
	}
	close(queue)
	group.Wait()
	return context.Cause(working)
}
