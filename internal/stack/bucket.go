package stack

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"ovenbird/internal/bucket"
	"ovenbird/internal/ovenbird"
)

// idPattern is the name of a bundle.
var idPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Key is the key of a bundle in a bucket.
func Key(id string) string { return "stacks/" + id + ".zip" }

// Write writes a bundle into a bucket. To write one that is there changes nothing.
func Write(ctx context.Context, to *bucket.Bucket, b *Bundle) error {
	err := to.Create(ctx, Key(b.ID), b.archive)
	if errors.Is(err, bucket.ErrChanged) {
		// Other bytes: an archive that another version of the program made of the same
		// files, or damage. The name decides.
		if _, err = Read(ctx, to, b.ID); ovenbird.CodeOf(err) == ovenbird.Invalid {
			err = to.Put(ctx, Key(b.ID), b.archive, bucket.Headers{})
		}
	}
	if err != nil {
		return fmt.Errorf("write stack version %.12s: %w", b.ID, err)
	}
	return nil
}

// Read reads a bundle from a bucket. It is NotFound where there is none, and Invalid
// where what is there is not what its name says.
func Read(ctx context.Context, from *bucket.Bucket, id string) (*Bundle, error) {
	if !idPattern.MatchString(id) {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "%q is not a stack version", id)
	}
	archive, _, err := from.Read(ctx, Key(id))
	if errors.Is(err, bucket.ErrNotFound) {
		return nil, ovenbird.Errorf(ovenbird.NotFound, "the bucket has no stack version %.12s", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read stack version %.12s: %w", id, err)
	}
	b, err := OpenBundle(archive)
	if err == nil && b.ID != id {
		err = ovenbird.Errorf(ovenbird.Invalid, "its files are those of %.12s", b.ID)
	}
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.CodeOf(err), "stack version %.12s is damaged in the bucket: %w; "+
			"deploy it again from its commit", id, err)
	}
	return b, nil
}
