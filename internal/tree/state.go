package tree

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// StateKey is the key of the object that says what a tree holds.
const StateKey = ".ovenbird/tree.json"

const stateFormat = 1

// State says what a tree holds.
type State struct {
	Format   int    `json:"format"`
	Sequence uint64 `json:"sequence"` // grows by one with every change of the state
	// Holder is who writes the tree now, until Until at the latest; "" is nobody.
	Holder string    `json:"holder,omitempty"`
	Until  time.Time `json:"until,omitzero"`
	// Scope is what all files were written under; nil where that differs between them.
	Scope *Scope `json:"scope,omitempty"`
	// Applied is what the tree holds, if Begun is empty; nil where that is not known.
	Applied *Point `json:"applied,omitempty"`
	// Next is when the tree will be wrong unless its publisher has come again.
	Next time.Time `json:"next,omitzero"`
	// Begun is what publishers have begun to write since then: a file may be of any
	// of these, or of Applied.
	Begun []Point `json:"begun,omitempty"`

	version bucket.Version
}

// Point is the documents of a release as of an instant.
type Point struct {
	Release release.Ref `json:"release"`
	At      time.Time   `json:"at"`
	// Withdrawn says that all documents were taken away, because the release had run
	// out.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

// mostBegun is how many interrupted runs are remembered, before it is simpler to
// look at every file.
const mostBegun = 8

// readState returns the state of a tree; the zero one where there is no tree.
func readState(ctx context.Context, from files) (State, error) {
	body, version, err := from.Read(ctx, StateKey)
	if errors.Is(err, bucket.ErrNotFound) {
		return State{}, nil
	}
	if err != nil {
		return State{}, storeFailed("reading the tree's state", err)
	}
	var s State
	if err := json.Unmarshal(body, &s); err != nil {
		return State{}, ovenbird.Errorf(ovenbird.Internal, "the tree's state (%s) is damaged: %w; "+
			"delete it, and publish the whole tree again with --yes", StateKey, err)
	}
	if s.Format != stateFormat {
		return State{}, ovenbird.Errorf(ovenbird.Internal,
			"the tree's state is in format %d, this program reads %d: run the version that wrote it", s.Format, stateFormat)
	}
	s.version = version
	return s, nil
}

// write replaces the state, if nobody else has meanwhile (bucket.ErrChanged).
func (s *State) write(ctx context.Context, to store) error {
	next := *s
	next.Format = stateFormat
	next.Sequence++ // so that no state comes twice
	body, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return ovenbird.Errorf(ovenbird.Internal, "encoding the tree's state: %w", err)
	}
	if next.version, err = to.Swap(ctx, StateKey, append(body, '\n'), s.version); err != nil {
		return storeFailed("writing the tree's state", err)
	}
	*s = next
	return nil
}

func storeFailed(doing string, err error) error {
	if errors.Is(err, bucket.ErrSettings) {
		return ovenbird.Errorf(ovenbird.Invalid, "%s: %w", doing, err)
	}
	return ovenbird.Errorf(ovenbird.Unavailable, "%s: %w", doing, err)
}
