package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"ovenbird/internal/ovenbird"
)

// Release is a release in the bucket, read as far as it was asked for. Any
// number of goroutines may use it.
type Release struct {
	store    *Reader
	ref      Ref
	manifest Manifest
	last     *pack // the one with the manifest

	mu      sync.Mutex
	packs   []*pack // manifest.Packs and last; nil until needed
	near    []*pack // packs of the release this one was reached from
	base    *Tree   // the tree of that release, to share nodes with
	content *Content
}

// Load opens a release. It reads the manifest; everything else comes when asked for.
func (s *Reader) Load(ctx context.Context, ref Ref) (*Release, error) {
	last, err := s.openPack(ctx, ref.Pack)
	if err != nil {
		return nil, fmt.Errorf("loading release %s: %w", ref.ID, err)
	}
	m, err := parseManifest(ref, last.manifest)
	if err != nil {
		return nil, err
	}
	return &Release{store: s, ref: ref, manifest: m, last: last}, nil
}

// Share takes from another release what both have: the tables of packs, and,
// where the content of that is in memory, the rows. Loading the content of r then
// reads nothing but the difference. It comes before anything else is asked of r.
func (r *Release) Share(with *Release) {
	with.mu.Lock()
	defer with.mu.Unlock()
	r.near = with.packs
	if with.content != nil {
		r.base = with.content.Tree
	}
}

// Ref says where the release lies.
func (r *Release) Ref() Ref { return r.ref }

// Manifest describes the release. It is shared: do not write to it.
func (r *Release) Manifest() Manifest { return r.manifest }

// Object returns one object, checked against its hash. A hash that is in none
// of the release's packs is NotFound.
func (r *Release) Object(ctx context.Context, h Hash) ([]byte, error) {
	var body []byte
	err := r.Objects(ctx, []Hash{h}, func(_ Hash, object []byte) error {
		body = object
		return nil
	})
	return body, err
}

// Objects reads many objects, each checked against its hash, and hands them to
// yield in the order in which they lie in the packs; duplicates once. An error
// from yield ends it and is returned.
func (r *Release) Objects(ctx context.Context, want []Hash, yield func(h Hash, body []byte) error) error {
	packs, err := r.loadPacks(ctx)
	if err != nil {
		return err
	}
	return r.readObjects(ctx, packs, want, yield)
}

func (r *Release) readObjects(ctx context.Context, packs []*pack, want []Hash, yield func(Hash, []byte) error) error {
	plan, err := r.locateAll(packs, want)
	if err != nil {
		return err
	}
	for _, f := range plan {
		err := r.store.readFrames(ctx, f.pack, f.entries, func(e entry, body []byte) error { return yield(e.hash, body) })
		if err != nil {
			return fmt.Errorf("release %s: %w", r.ref.ID, err)
		}
	}
	return nil
}

// frames is what to read from a pack.
type frames struct {
	pack    *pack
	entries []entry
}

// locateAll finds every object. Where packs hold the same object, the one
// listed first is asked.
func (r *Release) locateAll(packs []*pack, want []Hash) ([]frames, error) {
	plan := make([]frames, len(packs))
	for i, p := range packs {
		plan[i].pack = p
	}
	for _, h := range want {
		i, e, ok := locate(packs, h)
		if !ok {
			return nil, ovenbird.Errorf(ovenbird.NotFound, "object %s is in none of the packs of release %s", h, r.ref.ID)
		}
		plan[i].entries = append(plan[i].entries, e)
	}
	return slices.DeleteFunc(plan, func(f frames) bool { return len(f.entries) == 0 }), nil
}

func locate(packs []*pack, h Hash) (pack int, e entry, ok bool) {
	for i, p := range packs {
		if e, ok := p.find(h); ok {
			return i, e, true
		}
	}
	return 0, entry{}, false
}

// loadPacks returns all packs of the release, reading their tables the first time.
func (r *Release) loadPacks(ctx context.Context) ([]*pack, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loadPacksLocked(ctx)
}

func (r *Release) loadPacksLocked(ctx context.Context) ([]*pack, error) {
	if r.packs != nil {
		return r.packs, nil
	}
	packs := make([]*pack, 0, len(r.manifest.Packs)+1)
	for _, hash := range r.manifest.Packs {
		if i := slices.IndexFunc(r.near, func(p *pack) bool { return p.hash == hash }); i >= 0 {
			packs = append(packs, r.near[i])
			continue
		}
		p, err := r.store.openPack(ctx, hash)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", r.ref.ID, err)
		}
		packs = append(packs, p)
	}
	packs = append(packs, r.last)
	r.packs, r.near = packs, nil
	return r.packs, nil
}

const (
	// Frames that lie closer than readGap are read in one go, with what is
	// between them: cheaper than asking twice.
	readGap = 64 << 10
	// readSpan bounds how much is read in one go.
	readSpan = 8 << 20
)

// readFrames reads frames of a pack in order, several in one go, and yields
// objects in them, checked.
func (s *Reader) readFrames(ctx context.Context, p *pack, entries []entry, yield func(e entry, body []byte) error) error {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, comparePlaces)
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.hash == b.hash })
	for len(entries) > 0 {
		start, n := entries[0].offset, 1
		end := entries[0].end()
		for n < len(entries) && entries[n].offset-end <= readGap && entries[n].end()-start <= readSpan {
			end = max(end, entries[n].end())
			n++
		}
		run, err := s.source.ReadRange(ctx, PackKey(p.hash), start, end-start)
		if err != nil {
			return bucketFailed(err)
		}
		frames := unpacker{codec: s.codec}
		for _, e := range entries[:n] {
			body, err := frames.object(e, run[e.offset-start:e.end()-start])
			if err != nil {
				return ovenbird.Errorf(ovenbird.Internal, "pack %s is damaged: %w", p.hash, err)
			}
			if err := yield(e, body); err != nil {
				return err
			}
		}
		entries = entries[n:]
	}
	return nil
}

// comparePlaces orders objects by where in a pack they lie.
func comparePlaces(a, b entry) int {
	return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.at, b.at))
}
