package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"ovenbird/internal/ovenbird"
)

// Writer writes the objects of a new release, and then the release. What it
// wrote stays unseen until the release is published; without that, garbage
// collection removes it.
type Writer struct {
	store   *Store
	follows string   // the id of the release that it follows; "" for the first
	parent  *Release // nil where nothing is taken over
	before  []*pack  // of the parent
	sweeps  bool

	mu      sync.Mutex
	seen    map[Hash]struct{}   // added by this writer
	checked map[*Class]struct{} // the first of classes whose objects are there; rows share classes
	waiting *batch              // objects that are to be compressed together
	dense   *batch              // those that are not worth it
	spare   []*batch
	current *packBuilder
	written []*pack
	failed  error // of writing a pack: the release can not be committed any more
}

// Begin returns a writer for the release that follows parent, the current one,
// or nil where there is none yet.
func (s *Store) Begin(ctx context.Context, parent *Release) (*Writer, error) {
	w := s.newWriter()
	w.parent = parent
	if parent != nil {
		packs, err := parent.loadPacks(ctx)
		if err != nil {
			return nil, fmt.Errorf("beginning a release after %s: %w", parent.ref.ID, err)
		}
		w.follows, w.before = parent.ref.ID, packs
	}
	return w, nil
}

// BeginAnew returns a writer for the release that follows the one with an id, or
// "", and takes nothing over from that: for when something in the bucket is lost
// or damaged.
func (s *Store) BeginAnew(follows string) *Writer {
	w := s.newWriter()
	w.follows = follows
	return w
}

func (s *Store) newWriter() *Writer {
	return &Writer{
		store: s, seen: make(map[Hash]struct{}), checked: make(map[*Class]struct{}),
		waiting: &batch{}, dense: &batch{dense: true}, current: newPackBuilder(),
	}
}

// Add makes an object part of the release and returns its name. What the parent
// has, or what was added before, is not stored again. Any number of goroutines
// may add at once; compression is shared among them.
func (w *Writer) Add(ctx context.Context, body []byte) (Hash, error) {
	if len(body) > maxObject {
		return Hash{}, ovenbird.Errorf(ovenbird.Invalid, "an object has %d bytes; %d are allowed", len(body), maxObject)
	}
	h := HashOf(body)
	if w.has(h) {
		return h, nil
	}
	return h, w.put(ctx, h, body, false)
}

// put adds an object that was not added yet to the objects that are to be compressed
// together, or to those that are not worth it. Who completes them compresses them.
func (w *Writer) put(ctx context.Context, h Hash, body []byte, dense bool) error {
	w.mu.Lock()
	if _, seen := w.seen[h]; seen {
		w.mu.Unlock()
		return nil
	}
	w.seen[h] = struct{}{}
	waiting := &w.waiting
	if dense {
		waiting = &w.dense
	}
	full := *waiting
	if len(body) >= frameSize {
		full = w.spareLocked(dense)
	}
	full.add(h, body)
	if full == *waiting && len(full.body) < frameSize {
		w.mu.Unlock()
		return nil
	}
	if full == *waiting {
		*waiting = w.spareLocked(dense)
	}
	w.mu.Unlock()
	return w.pack(ctx, full)
}

// spareLocked returns an empty batch.
func (w *Writer) spareLocked(dense bool) *batch {
	last := len(w.spare) - 1
	if last < 0 {
		return &batch{dense: dense}
	}
	b := w.spare[last]
	w.spare = w.spare[:last]
	b.dense = dense
	return b
}

// pack compresses objects into the current pack, and writes the pack once it is full.
func (w *Writer) pack(ctx context.Context, b *batch) error {
	frame, coding := w.store.codec.compress(b)
	w.mu.Lock()
	w.current.add(frame, coding, b.objects)
	b.reset()
	w.spare = append(w.spare, b)
	var full *packBuilder
	if w.current.size() >= w.store.config.PackSize {
		full, w.current = w.current, newPackBuilder()
	}
	w.mu.Unlock()
	if full == nil {
		return nil
	}
	p, err := w.store.writePack(ctx, full, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed = err
		return err
	}
	w.written = append(w.written, p)
	return nil
}

// flush compresses what waits. All calls of Add must have returned.
func (w *Writer) flush(ctx context.Context) error {
	if w.failed != nil {
		return w.failed
	}
	left := []*batch{w.waiting, w.dense}
	w.waiting, w.dense = &batch{}, &batch{dense: true}
	for _, b := range left {
		if len(b.objects) > 0 {
			if err := w.pack(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) writePack(ctx context.Context, b *packBuilder, manifest []byte) (*pack, error) {
	p, body := b.finish(manifest)
	if err := s.bucket.Create(ctx, PackKey(p.hash), body); err != nil {
		return nil, fmt.Errorf("writing a pack of %d objects: %w", len(p.entries), bucketFailed(err))
	}
	return p, nil
}

// Unchanged reports whether a release of this content would say nothing that
// the parent does not say: the same rows, horizon, editions and site.
func (w *Writer) Unchanged(content Content, meta Meta) bool {
	if w.parent == nil {
		return false
	}
	m := w.parent.manifest
	return m.Root == content.Root() && m.HorizonEnd.Equal(meta.HorizonEnd) &&
		m.Site == meta.Site && equalEditions(m.Editions, meta.Editions)
}

// has reports whether the release will hold an object. What was just added is
// asked for most.
func (w *Writer) has(h Hash) bool {
	w.mu.Lock()
	_, seen := w.seen[h]
	w.mu.Unlock()
	if seen {
		return true
	}
	_, _, ok := locate(w.before, h)
	return ok
}

// Commit completes the release and returns it, with its content in memory.
// Everything that the content refers to must have been added, now or in the
// parent; what is missing is an Internal error that names the row. All calls of
// Add must have returned. The writer can not be used after it.
func (w *Writer) Commit(ctx context.Context, content Content, meta Meta) (*Release, error) {
	r, err := w.commit(ctx, content, meta)
	if err != nil {
		return nil, fmt.Errorf("committing the release as of %s: %w", meta.AsOf.UTC().Format("2006-01-02T15:04:05Z"), err)
	}
	return r, nil
}

func (w *Writer) commit(ctx context.Context, content Content, meta Meta) (*Release, error) {
	if err := content.check(); err != nil {
		return nil, err
	}
	if err := w.addContent(ctx, content); err != nil {
		return nil, err
	}
	packs, swept, err := w.settle(ctx, content)
	if err != nil {
		return nil, err
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	m := newManifest(w.follows, content.Tree.Root(), content.patchRefs(), meta)
	m.Counts = Counts{Documents: content.Tree.Documents(), Rows: content.Tree.Len()}
	packs = slices.Concat(packs, w.written)
	for _, p := range packs {
		m.Packs = append(m.Packs, p.hash)
		m.Counts.Objects += len(p.entries)
		m.Counts.Bytes += p.size
	}
	m.Counts.Objects += len(w.current.entries)
	m.Counts.Bytes += int64(w.current.size())
	m.Counts.Swept = cmp.Or(swept, m.Counts.Bytes)
	body, err := m.encode()
	if err != nil {
		return nil, err
	}
	last, err := w.store.writePack(ctx, w.current, body)
	if err != nil {
		return nil, err
	}
	return &Release{
		store: w.store.Reader, ref: Ref{ID: m.ID, Pack: last.hash}, manifest: m,
		last: last, packs: append(packs, last), content: &content,
	}, nil
}
