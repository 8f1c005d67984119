package tree

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what stores say of an object, not a secret
	"crypto/sha256"
	"errors"
	"slices"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// sum is the beginning of a hash: enough to tell the files of a tree apart.
type sum [16]byte

// survey is which files lie in a store. It has to be small: a tree may have
// millions of files.
type survey struct {
	files files
	found map[sum]sum // by the hash of the name, the MD5; zero where the store does not tell
	ours  int         // how many look like a tree's
}

// look lists a store.
func look(ctx context.Context, from files) (*survey, error) {
	s := &survey{files: from, found: make(map[sum]sum)}
	for info, err := range from.List(ctx, "") {
		if err != nil {
			return nil, storeFailed("listing what there is", err)
		}
		if info.Key == StateKey {
			continue
		}
		if belongs(info.Key) {
			s.ours++
		}
		var content sum
		copy(content[:], info.MD5)
		s.found[sumOf(info.Key)] = content
	}
	return s, nil
}

func sumOf(name string) sum {
	hash := sha256.Sum256([]byte(name))
	return sum(hash[:len(sum{})])
}

// has reports whether there is a file with a name.
func (s *survey) has(name string) bool {
	_, ok := s.found[sumOf(name)]
	return ok
}

// right reports whether a file is there and says what it has to.
func (s *survey) right(ctx context.Context, name string, body []byte) (bool, error) {
	content, ok := s.found[sumOf(name)]
	if !ok {
		return false, nil
	}
	if content != (sum{}) {
		return content == md5.Sum(body), nil //nolint:gosec // as above
	}
	there, _, err := s.files.Read(ctx, name)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, storeFailed("looking at what there is", err)
	}
	return bytes.Equal(there, body), nil
}

// refine says of each change which files are there already, with all their copies.
func (s *survey) refine(changes []change, l *layout, suffixes []string) {
	for i := range changes {
		c := &changes[i]
		var there ovenbird.CountrySet
		for country := range c.fresh.Indexes {
			missing := false
			for _, name := range l.names(c.key, country) {
				missing = missing || slices.ContainsFunc(suffixes, func(suffix string) bool { return !s.has(name + suffix) })
			}
			if !missing {
				there = there.With(ovenbird.CountryAt(country))
			}
		}
		c.fresh = c.fresh.Minus(there)
	}
}
