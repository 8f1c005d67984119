package source

import (
	"context"
	"encoding/binary"
	"encoding/hex"

	"ovenbird/internal/catalog"
)

// digest identifies a set of records, whatever their order: the sum of their
// hashes, in four parts.
type digest [4]uint64

func (d *digest) add(sum [32]byte) {
	for i := range d {
		d[i] += binary.LittleEndian.Uint64(sum[8*i:])
	}
}

func (d *digest) String() string {
	var bytes []byte
	for _, part := range d {
		bytes = binary.LittleEndian.AppendUint64(bytes, part)
	}
	return hex.EncodeToString(bytes)
}

// changesPage and changesPages bound how far back in the feed is looked: beyond
// that, comparing everything is as quick.
const (
	changesPage  = 1000
	changesPages = 10
)

// same reports whether there is nothing to compare: the source says what it said
// in the last good run, all of it came into the catalog then, and nobody else has
// touched a record of it since. Sequence is the catalog's, now.
func (r *runner) same(ctx context.Context, read *reading, p *plan, good *Good, sequence int64) (bool, error) {
	if good == nil || !good.Whole || good.Digest != read.digest.String() || good.Records != read.records ||
		read.refused > 0 || len(p.vanished) > 0 || p.spared > 0 || int64(len(p.known)) != read.records {
		return false, nil
	}
	after := good.Sequence
	for range changesPages {
		if after >= sequence {
			return true, nil
		}
		changes, err := r.catalog.Changes(ctx, after, changesPage)
		if err != nil || len(changes) == 0 {
			return false, err
		}
		for i := range changes {
			if r.touched(read, &changes[i]) {
				return false, nil
			}
		}
		after = changes[len(changes)-1].Sequence
	}
	return false, nil
}

// touched reports whether a change by somebody else is about a record of this source.
func (r *runner) touched(read *reading, c *catalog.Change) bool {
	_, ours := read.content[identityOf(c.Type, c.ID)]
	return ours && c.Actor != r.actor()
}
