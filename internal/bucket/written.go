package bucket

import (
	"crypto/rand"
	"slices"
	"strings"

	"gocloud.dev/blob"
)

// written is what an object in S3 says of itself: its version, and which writes
// led to it. The zero value is that there is none.
type written struct {
	tag     string // entity tag; not part of what is written
	version Version
	// writes names the swaps that led here, the last one first, at most
	// keptWrites. Content alone does not tell whose write it is: two writers may
	// write the same.
	writes []string
}

const (
	writesKey = "writes"
	// keptWrites is how many swaps of others may come between an attempt whose
	// answer is lost and the look at what became of it. With 64 the metadata
	// stays below the 2 KB that S3 allows.
	keptWrites  = 64
	writeIDSize = 13 // characters of 5 bits: enough to never meet
)

func newWriteID() string { return rand.Text()[:writeIDSize] }

func writtenIn(attributes *blob.Attributes) (written, error) {
	version, err := versionIn(attributes)
	if err != nil {
		return written{}, err
	}
	w := written{tag: attributes.ETag, version: version}
	if list := attributes.Metadata[writesKey]; list != "" {
		w.writes = strings.Split(list, ",")
	}
	return w, nil
}

func (w written) equal(other written) bool {
	return w.tag == other.tag && w.version == other.version && slices.Equal(w.writes, other.writes)
}

func (w written) metadata() map[string]string {
	m := map[string]string{versionKey: string(w.version)}
	if len(w.writes) > 0 {
		m[writesKey] = strings.Join(w.writes, ",")
	}
	return m
}

// condition is what must hold for a write that replaces w.
func (w written) condition() string {
	if w.version == "" {
		return absent
	}
	return w.tag
}

// followedBy returns what the swap id leaves when it replaces w by next.
func (w written) followedBy(id string, next Version) written {
	kept := w.writes[:min(len(w.writes), keptWrites-1)]
	return written{version: next, writes: append([]string{id}, kept...)}
}

// by reports whether the swap id is among those that led here.
func (w written) by(id string) bool { return slices.Contains(w.writes, id) }

// mayHaveForgotten reports whether so many swaps followed before that one right
// after it would not be named anymore.
func (w written) mayHaveForgotten(before written) bool {
	if len(w.writes) < keptWrites {
		return false
	}
	return len(before.writes) == 0 || !w.by(before.writes[0])
}
