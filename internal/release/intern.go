package release

import (
	"sync"
	"weak"
)

// interner finds again what is in use, by what it is made from, without keeping
// it in use: whatever no view holds any more is the garbage collector's.
type interner[K comparable, V any] struct {
	mu    sync.Mutex
	known map[K]weak.Pointer[V]
	// limit is the size at which dead names are swept out. It doubles with what
	// is alive, so that sweeping costs a constant share of putting.
	limit int
}

const smallestSweep = 1024

// get returns what was put under the key, or nil where that is gone.
func (n *interner[K, V]) get(key K) *V {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known[key].Value()
}

// put keeps v under the key and returns it, or what somebody else put there first.
func (n *interner[K, V]) put(key K, v *V) *V {
	n.mu.Lock()
	defer n.mu.Unlock()
	if first := n.known[key].Value(); first != nil {
		return first
	}
	if n.known == nil {
		n.known, n.limit = make(map[K]weak.Pointer[V]), smallestSweep
	}
	if len(n.known) >= n.limit {
		for k, p := range n.known {
			if p.Value() == nil {
				delete(n.known, k)
			}
		}
		n.limit = max(smallestSweep, 2*len(n.known))
	}
	n.known[key] = weak.Make(v)
	return v
}
