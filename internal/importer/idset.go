package importer

// idSet is a set of hashes in bounded memory (a Bloom filter): it knows all that
// were added, and may take others for them the more, the more there are.
type idSet struct {
	bits []uint64
	used bool
}

const (
	idSetBits   = 1 << 25 // 4 MiB: one in a thousand is mistaken at three million
	idSetHashes = 4
)

func (s *idSet) add(hash uint64) {
	if s.bits == nil {
		s.bits = make([]uint64, idSetBits/64)
	}
	s.used = true
	for i := range uint64(idSetHashes) {
		bit := position(hash, i)
		s.bits[bit/64] |= 1 << (bit % 64)
	}
}

func (s *idSet) has(hash uint64) bool {
	if !s.used {
		return false
	}
	for i := range uint64(idSetHashes) {
		bit := position(hash, i)
		if s.bits[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

func (s *idSet) clear() {
	clear(s.bits)
	s.used = false
}

// position makes several hashes of the two halves of one.
func position(hash, i uint64) uint64 {
	return (hash&0xffffffff + i*(hash>>32|1)) % idSetBits
}
