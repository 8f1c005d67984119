package admin

import (
	"context"
	"sync"

	"ovenbird/internal/catalog"
	"ovenbird/internal/ovenbird"
)

// snapshots keeps the last snapshot that somebody asked for, to bring it up to
// date from the feed instead of reading everything again. Until somebody asks
// there is none.
type snapshots struct {
	catalog *catalog.Store

	mu   sync.Mutex
	last *ovenbird.Snapshot
}

// now returns the catalog as it is now.
func (s *snapshots) now(ctx context.Context) (*ovenbird.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := (*ovenbird.Snapshot)(nil), error(nil)
	if s.last != nil {
		next, _, err = s.catalog.Refresh(ctx, s.last)
	}
	if s.last == nil || ovenbird.CodeOf(err) == ovenbird.Conflict { // the catalog was restored from a backup
		next, err = s.catalog.Snapshot(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.last = next
	return next, nil
}
