package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ovenbird/internal/bucket"
)

// Collected says what Collect removed.
type Collected struct {
	Releases []string // ids, as they stood in the head
	Packs    int
	Bytes    int64
}

// Collect removes what nobody needs: from the head all releases but the newest
// Config.Keep, the pinned ones and the current one, and then the packs that no
// kept release refers to, unless they were written within grace before now.
// grace must be longer than any bake takes, because the packs of a release
// belong to nobody until it is published.
//
// It may be stopped anywhere: what it left goes the next time.
func (s *Store) Collect(ctx context.Context, now time.Time, grace time.Duration) (Collected, error) {
	var done Collected
	h, err := s.change(ctx, func(h *Head) (bool, error) {
		done.Releases = s.drop(h)
		return len(done.Releases) > 0, nil
	})
	if err != nil {
		return Collected{}, fmt.Errorf("collecting garbage: %w", err)
	}
	if h.Current == "" {
		// A bucket without a head may have lost it: then the packs are all that
		// is left to restore it from.
		return Collected{}, nil
	}
	needed, err := s.neededPacks(ctx, h)
	if err != nil {
		return done, fmt.Errorf("collecting garbage: %w", err)
	}
	for info, err := range s.bucket.List(ctx, packsPrefix) {
		if err != nil {
			return done, fmt.Errorf("collecting garbage: %w", bucketFailed(err))
		}
		hash, ok := PackOfKey(info.Key)
		if _, need := needed[hash]; !ok || need || now.Sub(info.Modified) <= grace {
			continue
		}
		if err := s.bucket.Delete(ctx, info.Key); errors.Is(err, bucket.ErrNotFound) {
			continue // another collector was here
		} else if err != nil {
			return done, fmt.Errorf("collecting garbage: %w", bucketFailed(err))
		}
		done.Packs++
		done.Bytes += info.Size
	}
	return done, nil
}

// drop removes from the head the releases that are not to be kept, and returns
// their ids.
func (s *Store) drop(h *Head) []string {
	var dropped []string
	place := 0
	h.Releases = slices.DeleteFunc(h.Releases, func(k Kept) bool {
		place++
		if place <= s.config.Keep || k.Pinned || k.ID == h.Current {
			return false
		}
		dropped = append(dropped, k.ID)
		return true
	})
	return dropped
}

// neededPacks returns the packs of every kept release.
func (s *Store) neededPacks(ctx context.Context, h Head) (map[Hash]struct{}, error) {
	needed := make(map[Hash]struct{})
	var mu sync.Mutex
	if err := each(ctx, h.Releases, func(ctx context.Context, kept Kept) error {
		r, err := s.Load(ctx, kept.Ref)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		needed[kept.Pack] = struct{}{}
		for _, p := range r.manifest.Packs {
			needed[p] = struct{}{}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return needed, nil
}

// PackOfKey reverses PackKey: the hash of the whole pack that lies under a key.
func PackOfKey(key string) (Hash, bool) {
	name, ok := strings.CutSuffix(key[strings.LastIndexByte(key, '/')+1:], ".pack")
	if !ok {
		return Hash{}, false
	}
	h, err := ParseHash(name)
	return h, err == nil && PackKey(h) == key
}
