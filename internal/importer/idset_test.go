package importer

import (
	"math/rand/v2"
	"testing"
)

func TestAnIDSetKnowsAllThatWereAddedAndTakesFewOthersForThem(t *testing.T) {
	var s idSet
	random := rand.New(rand.NewPCG(1, 2))
	if s.has(random.Uint64()) {
		t.Error("an empty set has something")
	}
	added := make([]uint64, 100_000)
	for i := range added {
		added[i] = random.Uint64()
		s.add(added[i])
	}
	for _, hash := range added {
		if !s.has(hash) {
			t.Fatalf("%x was added and is not there", hash)
		}
	}
	mistaken := 0
	for range 100_000 {
		if s.has(random.Uint64()) {
			mistaken++
		}
	}
	if mistaken > 10 {
		t.Errorf("%d of 100000 others are taken for what was added", mistaken)
	}
	s.clear()
	if s.has(added[0]) {
		t.Error("a cleared set has something")
	}
}
