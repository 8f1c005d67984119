package bake

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Share names one of several equal shares of the subjects of a bake.
type Share struct {
	Index int `json:"index"` // from 0
	Of    int `json:"of"`
}

// has reports whether a subject belongs to the share. It depends on what the
// subject is called alone, so all processes agree on it, and all editions of a
// title share the objects that are the same in them.
func (s Share) has(subject subject) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte{byte(subject.of)}) // never fails
	_, _ = h.Write([]byte(subject.id))
	return int(h.Sum32()%uint32(s.Of)) == s.Index
}

// Sharer makes shares of the subjects of a bake. What it works out about the
// catalog for one share it knows for the next. Of goroutines that use it at once,
// one makes its share after the other.
type Sharer struct {
	mu       sync.Mutex
	program  *Program
	snapshot *ovenbird.Snapshot
	asOf     time.Time
	seen     *sight
}

// NewSharer returns a Sharer of what Full would make.
func NewSharer(program *Program, snapshot *ovenbird.Snapshot, asOf time.Time) *Sharer {
	return &Sharer{program: program, snapshot: snapshot, asOf: asOf, seen: newState(program, snapshot, asOf).look()}
}

// Shard makes a share of the subjects. It returns what Join needs to know of
// them, in pieces and in no order, and how many there were.
func (s *Sharer) Shard(ctx context.Context, share Share, sink objects) (pieces [][]byte, remade int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := newState(s.program, s.snapshot, s.asOf)
	if _, err := state.remake(ctx, sink, s.seen, func(k *kitchen, _ kin, view *facts.View) []subject {
		var subjects []subject
		for _, s := range k.all(view) {
			if share.has(s) {
				subjects = append(subjects, s)
			}
		}
		return subjects
	}); err != nil {
		return nil, 0, err
	}
	for _, edition := range state.editions {
		pieces = append(pieces, edition.encode()...)
	}
	return pieces, state.Remade, nil
}

// Join returns what Full would: pieces are those of all shards of the same
// program, snapshot and instant, and their objects are in the sink.
func Join(program *Program, snapshot *ovenbird.Snapshot, asOf time.Time, pieces [][]byte, sink objects) (*State, error) {
	state := newState(program, snapshot, asOf)
	for _, piece := range pieces {
		if err := state.decode(piece); err != nil {
			return nil, fmt.Errorf("join the shards of a bake: %w", err)
		}
	}
	var rows []release.Row
	for _, edition := range state.editions {
		for _, m := range edition.made {
			rows = appendRows(rows, edition, m.rows)
		}
	}
	if err := state.finish(rows, sink); err != nil {
		return nil, err
	}
	return state, nil
}

// decode adds a piece of a shard to the state.
func (s *State) decode(piece []byte) error {
	d := pieceReader{rest: piece}
	name := d.text()
	for _, edition := range s.editions {
		if edition.edition.Name() == name {
			return d.into(edition)
		}
	}
	return ovenbird.Errorf(ovenbird.Internal, "a shard has edition %q, which the site has not", name)
}
