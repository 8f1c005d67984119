package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/trace"
)

// HeadKey is the key in the bucket of the head, the one object that changes.
const HeadKey = "head.json"

// Head says which release is served and which others are kept.
type Head struct {
	Format   int    `json:"format"`
	Sequence uint64 `json:"sequence"` // grows by one with every change of the head
	Current  string `json:"current"`  // id of the release to serve; "" before the first
	// Hold stops publishing after a rollback; nil when nothing does.
	Hold     *Hold  `json:"hold,omitempty"`
	Releases []Kept `json:"releases"` // newest first, the current one among them

	version bucket.Version
}

// Hold says why nothing is published.
type Hold struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// Kept sums up a release that can be served.
type Kept struct {
	Ref
	Parent     string    `json:"parent,omitempty"`
	Root       Hash      `json:"root"`
	AsOf       time.Time `json:"as_of"`
	HorizonEnd time.Time `json:"horizon_end"`
	CreatedAt  time.Time `json:"created_at"`
	Counts     Counts    `json:"counts"`
	Pinned     bool      `json:"pinned,omitempty"`
	Note       string    `json:"note,omitempty"` // why it is pinned
	// Trace is the traceparent (W3C Trace Context) of the publication, so that edges
	// go on with its trace; "" where nobody traces.
	Trace string `json:"trace,omitempty"`
}

// Version identifies this state of the head; compare it with Store.Version.
func (h Head) Version() bucket.Version { return h.version }

// Precedes reports whether h was the head before other was: it counts fewer changes
// and lists nothing newer. The head of a bucket that was made anew counts fewer as
// well, but what it lists is newer.
func (h Head) Precedes(other Head) bool {
	return h.Sequence < other.Sequence && !h.newest().After(other.newest())
}

// newest is when the newest of the releases was made.
func (h Head) newest() (at time.Time) {
	for _, kept := range h.Releases {
		if kept.CreatedAt.After(at) {
			at = kept.CreatedAt
		}
	}
	return at
}

// CurrentRelease returns the release to serve; ok is false before the first.
func (h Head) CurrentRelease() (current Kept, ok bool) { return h.Release(h.Current) }

// Release returns the kept release with an id; ok is false where there is none.
func (h Head) Release(id string) (kept Kept, ok bool) {
	i := h.index(id)
	if i < 0 {
		return Kept{}, false
	}
	return h.Releases[i], true
}

func (h Head) index(id string) int {
	return slices.IndexFunc(h.Releases, func(k Kept) bool { return k.ID == id })
}

// Version returns which state the head is in; "" before the first release. It
// is cheap enough to poll.
func (s *Reader) Version(ctx context.Context) (bucket.Version, error) {
	version, err := s.source.Version(ctx, HeadKey)
	if errors.Is(err, bucket.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("polling the head: %w", bucketFailed(err))
	}
	return version, nil
}

// Head returns the head; before the first release the zero one.
func (s *Reader) Head(ctx context.Context) (Head, error) {
	body, version, err := s.source.Read(ctx, HeadKey)
	if errors.Is(err, bucket.ErrNotFound) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("reading the head: %w", bucketFailed(err))
	}
	var h Head
	if err := json.Unmarshal(body, &h); err != nil {
		return Head{}, ovenbird.Errorf(ovenbird.Internal, "the head (%s in the bucket) is damaged: %w", HeadKey, err)
	}
	if h.Format != headFormat {
		return Head{}, ovenbird.Errorf(ovenbird.Internal,
			"the head is in format %d, this program reads %d: run the version that wrote it", h.Format, headFormat)
	}
	if _, ok := h.CurrentRelease(); !ok && h.Current != "" {
		return Head{}, ovenbird.Errorf(ovenbird.Internal,
			"the head (%s in the bucket) is damaged: its current release %q is not among those that it lists", HeadKey, h.Current)
	}
	h.version = version
	return h, nil
}

// change replaces the head by what edit makes of it, again and again until no
// one else got in between. An edit that leaves the head as it is returns false.
func (s *Store) change(ctx context.Context, edit func(*Head) (bool, error)) (Head, error) {
	var lost *Head // the last one that turned out not to be there
	for {
		h, err := s.Head(ctx)
		if err != nil {
			return Head{}, err
		}
		if lost != nil && h.version == lost.version {
			// No state of the head comes twice, so nobody got in between.
			return Head{}, ovenbird.Errorf(ovenbird.Unavailable,
				"the head (%s in the bucket) can not be replaced: what is read of it is not what the store says is there; "+
					"it is damaged, or the store answers with what was there before", HeadKey)
		}
		changed, err := edit(&h)
		if err != nil {
			return h, err
		}
		if !changed {
			// Nothing is done only if this is the head: no swap will say so.
			version, err := s.Version(ctx)
			if err != nil || version == h.version {
				return h, err
			}
			lost = &h
			continue
		}
		h.Format = headFormat
		h.Sequence++ // so that no state of the head comes twice
		body, err := json.MarshalIndent(h, "", "  ")
		if err != nil {
			return Head{}, ovenbird.Errorf(ovenbird.Internal, "encoding the head: %w", err)
		}
		version, err := s.bucket.Swap(ctx, HeadKey, append(body, '\n'), h.version)
		if errors.Is(err, bucket.ErrChanged) {
			lost = &h
			continue
		}
		if err != nil {
			return Head{}, fmt.Errorf("changing the head: %w", bucketFailed(err))
		}
		h.version = version
		return h, nil
	}
}

// maxListed is how many times Config.Keep releases the head may list before Publish
// shortens the list itself: after each edit all edges read it, and between two
// collections there may be thousands of edits.
const maxListed = 3

// Publish makes a committed release the current one. It fails with Held while a
// rollback holds publishing, and with Conflict when the release does not follow
// the current one: then bake again from that. Publishing what is current
// already succeeds, so it may be repeated after a crash.
func (s *Store) Publish(ctx context.Context, ref Ref) (Head, error) {
	doing := "publishing release " + ref.ID
	r, err := s.Load(ctx, ref)
	if err != nil {
		return Head{}, fmt.Errorf("%s: %w", doing, err)
	}
	m := r.manifest
	if err := s.Complete(ctx, r); err != nil {
		return Head{}, fmt.Errorf("%s: %w", doing, err)
	}
	h, err := s.change(ctx, func(h *Head) (bool, error) {
		if current, ok := h.CurrentRelease(); ok && current.Ref == ref {
			return false, nil
		}
		if h.Hold != nil {
			return false, ovenbird.Errorf(ovenbird.Held,
				"publishing is held since %s (%s): lift the hold first", h.Hold.Since.Format(time.RFC3339), h.Hold.Reason)
		}
		if m.Parent != h.Current || h.index(ref.ID) >= 0 {
			return false, ovenbird.Errorf(ovenbird.Conflict, "it follows release %q, but the current one is %q", m.Parent, h.Current)
		}
		h.Current = ref.ID
		h.Releases = slices.Insert(h.Releases, 0, Kept{
			Ref: ref, Parent: m.Parent, Root: m.Root, AsOf: m.AsOf, HorizonEnd: m.HorizonEnd, CreatedAt: m.CreatedAt, Counts: m.Counts,
			Trace: trace.Parent(ctx),
		})
		if len(h.Releases) > maxListed*s.config.Keep {
			s.drop(h)
		}
		return true, nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("%s: %w", doing, err)
	}
	return h, nil
}

// Complete fails with NotFound when a pack of the release is not there.
func (s *Store) Complete(ctx context.Context, r *Release) error {
	packs := append([]Hash{r.ref.Pack}, r.manifest.Packs...)
	return each(ctx, packs, func(ctx context.Context, p Hash) error {
		_, err := s.bucket.Stat(ctx, PackKey(p))
		return bucketFailed(err)
	})
}

// Pin keeps a release, whatever its age, until Unpin. The note says why.
func (s *Store) Pin(ctx context.Context, id, note string) (Head, error) {
	return s.setPin(ctx, "pinning", id, true, note)
}

// Unpin leaves a release to garbage collection again.
func (s *Store) Unpin(ctx context.Context, id string) (Head, error) {
	return s.setPin(ctx, "unpinning", id, false, "")
}

func (s *Store) setPin(ctx context.Context, doing, id string, pinned bool, note string) (Head, error) {
	h, err := s.change(ctx, func(h *Head) (bool, error) {
		i := h.index(id)
		if i < 0 {
			return false, errNotKept(id)
		}
		k := &h.Releases[i]
		if k.Pinned == pinned && k.Note == note {
			return false, nil
		}
		k.Pinned, k.Note = pinned, note
		return true, nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("%s release %s: %w", doing, id, err)
	}
	return h, nil
}

// Rollback makes a kept release the current one at once, and holds publishing
// until Resume, so that the next bake does not undo it. It fails with Held when
// the release's horizon ended before now, because past that it no longer knows
// which windows are open.
func (s *Store) Rollback(ctx context.Context, id, reason string, now time.Time) (Head, error) {
	h, err := s.change(ctx, func(h *Head) (bool, error) {
		kept, ok := h.Release(id)
		if !ok {
			return false, errNotKept(id)
		}
		if !now.Before(kept.HorizonEnd) {
			return false, ovenbird.Errorf(ovenbird.Held,
				"it knows which windows are open only until %s: roll back to a later release, or correct the catalog and bake",
				kept.HorizonEnd.Format(time.RFC3339))
		}
		h.Current = id
		h.Hold = &Hold{Reason: reason, Since: now.UTC()}
		return true, nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("rolling back to release %s: %w", id, err)
	}
	return h, nil
}

// Resume lifts the hold that a rollback set. What is served stays until the
// next release is published.
func (s *Store) Resume(ctx context.Context) (Head, error) {
	h, err := s.change(ctx, func(h *Head) (bool, error) {
		held := h.Hold != nil
		h.Hold = nil
		return held, nil
	})
	if err != nil {
		return Head{}, fmt.Errorf("lifting the hold: %w", err)
	}
	return h, nil
}

func errNotKept(id string) error {
	return ovenbird.Errorf(ovenbird.NotFound, "no release with the id %q is kept: list the releases to see which are", id)
}
