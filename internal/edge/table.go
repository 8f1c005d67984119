package edge

import (
	"hash/maphash"
	"maps"
)

// shardCount is into how many maps a table is divided: an edit copies only the
// maps it changes, a few dozen entries each in a large edition.
const shardCount = 256

// table is an immutable map from the paths of an edition to their entries.
// Editing shares what did not change.
type table struct {
	seed   maphash.Seed
	shards [shardCount]map[string]*entry
	count  int
}

func newTable() *table { return &table{seed: maphash.MakeSeed()} }

func (t *table) shard(path string) uint8 { return uint8(maphash.String(t.seed, path)) }

// get returns the entry of a path, or nil.
func (t *table) get(path string) *entry { return t.shards[t.shard(path)][path] }

// edit returns the table with the given entries in place of those it has; nil
// removes one.
func (t *table) edit(changes map[string]*entry) *table {
	next := *t
	var copied [shardCount]bool
	for path, e := range changes {
		i := next.shard(path)
		if !copied[i] {
			copied[i] = true
			next.shards[i] = maps.Clone(next.shards[i])
			if next.shards[i] == nil {
				next.shards[i] = make(map[string]*entry)
			}
		}
		before := len(next.shards[i])
		if e == nil {
			delete(next.shards[i], path)
		} else {
			next.shards[i][path] = e
		}
		next.count += len(next.shards[i]) - before
	}
	return &next
}
