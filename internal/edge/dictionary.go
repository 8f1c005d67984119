package edge

import (
	"crypto/sha256"
	"math/bits"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Compression dictionaries (RFC 9842): a client that has what an address led to
// in the release before gets what it leads to now as the difference, a Zstandard
// frame with the earlier body as its dictionary.

// dictionaryCoding is the name of the coding.
const dictionaryCoding = "dcz"

// deltaMagic is how a dcz stream begins: the head of a skippable frame that holds
// the SHA-256 of the dictionary (RFC 9842 section 5).
const deltaMagic = "\x5e\x2a\x4d\x18\x20\x00\x00\x00"

// digestLabel is what a digest in Repr-Digest begins with. The rest is what
// Available-Dictionary has: the hash between colons.
const digestLabel = "sha-256="

// delta is a document as the difference to an earlier one.
type delta struct {
	from           *document
	representation *representation // nil where it is no smaller than without a dictionary
	next           *delta          // to another one
}

// difference returns the document as the difference to the one that the client
// says it has, if the path led to that in the same country before. It returns nil
// where the client wants none, has something else, or would gain nothing.
func (a *answer) difference(r *http.Request, m *memory) *representation {
	if a.entry.before == nil || r.TLS == nil {
		return nil
	}
	held := r.Header["Available-Dictionary"]
	if len(held) != 1 || !wantsDictionary(r.Header["Accept-Encoding"]) {
		return nil
	}
	past := &resolver{memory: m, view: a.entry.before.view, address: a.address}
	for i := range a.entry.before.versions {
		v := &a.entry.before.versions[i]
		if v.source == (source{}) || v.source == a.document.source {
			continue
		}
		earlier, err := past.document(v)
		if err != nil {
			return nil // it can go without
		}
		if earlier.in(identity).digests[0][len(digestLabel):] == trimSpace(held[0]) {
			return a.document.differenceTo(earlier, len(a.representation.body))
		}
	}
	return nil
}

// wantsDictionary reports whether Accept-Encoding names dcz.
func wantsDictionary(lines []string) bool {
	for _, line := range lines {
		for member := range strings.SplitSeq(line, ",") {
			if name, weight, ok := parseCoding(member); ok && weight > 0 && strings.EqualFold(name, dictionaryCoding) {
				return true
			}
		}
	}
	return false
}

// differenceTo returns the document as the difference to an earlier one, made now
// or before; nil where that does not take less than so many bytes.
func (d *document) differenceTo(earlier *document, most int) *representation {
	for {
		first := d.deltas.Load()
		for known := first; known != nil; known = known.next {
			if known.from.source == earlier.source {
				return known.representation
			}
		}
		made := &delta{from: earlier, next: first}
		body := encodeDelta(d.body, earlier.body)
		if len(body) < most {
			made.representation = newRepresentation(dictionaryCoding, body)
		}
		if d.deltas.CompareAndSwap(first, made) {
			d.memory.keep(d) // it has grown
			return made.representation
		}
	}
}

// encodeDelta returns body in dcz with a dictionary; nil if that fails.
func encodeDelta(body, dictionary []byte) []byte {
	// The window has to reach over both.
	window := 1 << max(17, bits.Len(uint(len(body)+len(dictionary))))
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(0, dictionary), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(min(window, 8<<20)), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil
	}
	defer encoder.Close() //nolint:errcheck // it has written to memory
	hash := sha256.Sum256(dictionary)
	out := append([]byte(deltaMagic), hash[:]...)
	return slices.Clip(encoder.EncodeAll(body, out))
}

// useAsDictionary returns the value of Use-As-Dictionary for an address: the
// answer is a dictionary for later answers at the same address. It is nil where
// the address has a character that means something in a URL pattern.
func useAsDictionary(path string) []string {
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/-._~", c) >= 0:
		default:
			return nil
		}
	}
	return []string{`match="` + path + `"`}
}
