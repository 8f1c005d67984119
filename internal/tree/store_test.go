package tree_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"ovenbird/internal/bucket"
	"ovenbird/internal/tree"
)

// shelf is a store in memory that says what happens, and stops working when told to.
type shelf struct {
	mu    sync.Mutex
	files map[string]shelved
	sums  bool // whether List knows MD5s, as S3 does
	// writes counts changes of files. At the write number killAt everything stops
	// working for ever, after the write has taken effect if late.
	writes, killAt int
	late           bool
	// dangling are the links that led to nothing after some write.
	dangling []string
}

type shelved struct {
	body    string
	headers bucket.Headers
	// variation is the folder of the variation of a list, and links are the titles
	// that the list links to.
	variation string
	links     []string
}

var errKilled = errors.New("the publisher was killed")

func newShelf() *shelf { return &shelf{files: make(map[string]shelved), killAt: -1} }

// revive makes the shelf work again.
func (s *shelf) revive() { s.writes, s.killAt = 0, -1 }

// write counts a write and makes it.
func (s *shelf) write(ctx context.Context, key string, do func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	dead := s.killAt >= 0 && s.writes >= s.killAt
	last := dead && s.writes == s.killAt
	s.writes++
	if !dead || last && s.late {
		do()
		if key != tree.StateKey && s.dangling == nil {
			s.dangling = append(s.dangling, dangling(s.files)...)
		}
	}
	if dead {
		return errKilled
	}
	return nil
}

func (s *shelf) Put(ctx context.Context, key string, body []byte, headers bucket.Headers) error {
	return s.write(ctx, key, func() { s.files[key] = newShelved(key, string(body), headers) })
}

func (s *shelf) Delete(ctx context.Context, key string) error {
	missing := false
	err := s.write(ctx, key, func() {
		_, there := s.files[key]
		missing = !there
		delete(s.files, key)
	})
	if err == nil && missing {
		err = bucket.ErrNotFound
	}
	return err
}

func (s *shelf) Swap(ctx context.Context, key string, body []byte, expect bucket.Version) (bucket.Version, error) {
	changed := false
	err := s.write(ctx, key, func() {
		if _, version, _ := s.read(key); version != expect {
			changed = true
			return
		}
		s.files[key] = shelved{body: string(body)}
	})
	if err == nil && changed {
		err = bucket.ErrChanged
	}
	return versionOf(string(body)), err
}

func (s *shelf) Read(_ context.Context, key string) ([]byte, bucket.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(key)
}

func (s *shelf) read(key string) ([]byte, bucket.Version, error) {
	f, ok := s.files[key]
	if !ok {
		return nil, "", bucket.ErrNotFound
	}
	return []byte(f.body), versionOf(f.body), nil
}

func versionOf(body string) bucket.Version {
	sum := sha256.Sum256([]byte(body))
	return bucket.Version(hex.EncodeToString(sum[:]))
}

func (s *shelf) List(_ context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var listed []bucket.Info
	for _, key := range slices.Sorted(maps.Keys(s.files)) {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		info := bucket.Info{Key: key, Size: int64(len(s.files[key].body))}
		if s.sums {
			sum := md5.Sum([]byte(s.files[key].body))
			info.MD5 = sum[:]
		}
		listed = append(listed, info)
	}
	return func(yield func(bucket.Info, error) bool) {
		for _, info := range listed {
			if !yield(info, nil) {
				return
			}
		}
	}
}
