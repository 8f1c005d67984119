package bake

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"

	"ovenbird/internal/ovenbird"
)

// catalogPiece is a part of a snapshot, as one process tells it another.
type catalogPiece struct {
	Titles      []*ovenbird.Title
	Licenses    []*ovenbird.License
	Collections []*ovenbird.Collection
}

// inPiece is how many titles, licenses or collections a piece has at most.
const inPiece = 1000

// encodeSnapshot returns a snapshot in pieces, in no order. Its sequence number
// is not in them.
func encodeSnapshot(s *ovenbird.Snapshot) ([][]byte, error) {
	var titles []*ovenbird.Title
	for _, t := range s.Titles {
		titles = append(titles, t)
	}
	var licenses []*ovenbird.License
	for _, list := range s.Licenses {
		licenses = append(licenses, list...)
	}
	var pieces []catalogPiece
	for part := range slices.Chunk(titles, inPiece) {
		pieces = append(pieces, catalogPiece{Titles: part})
	}
	for part := range slices.Chunk(licenses, inPiece) {
		pieces = append(pieces, catalogPiece{Licenses: part})
	}
	for part := range slices.Chunk(s.CollectionList(), inPiece) {
		pieces = append(pieces, catalogPiece{Collections: part})
	}
	encoded := make([][]byte, len(pieces))
	for i, piece := range pieces {
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(piece); err != nil {
			return nil, fmt.Errorf("encode the catalog: %w", err)
		}
		encoded[i] = b.Bytes()
	}
	return encoded, nil
}

// decodeSnapshot puts the pieces of a snapshot together.
func decodeSnapshot(sequence int64, pieces [][]byte) (*ovenbird.Snapshot, error) {
	var all catalogPiece
	for _, encoded := range pieces {
		var piece catalogPiece
		if err := gob.NewDecoder(bytes.NewReader(encoded)).Decode(&piece); err != nil {
			return nil, fmt.Errorf("decode the catalog: %w", err)
		}
		all.Titles = append(all.Titles, piece.Titles...)
		all.Licenses = append(all.Licenses, piece.Licenses...)
		all.Collections = append(all.Collections, piece.Collections...)
	}
	return ovenbird.NewSnapshot(sequence, all.Titles, all.Licenses, all.Collections), nil
}
