package edge

import (
	"encoding/json"
	"net/http"
	"runtime/metrics"
	"strings"
	"time"
)

// reserved is the prefix of addresses that are for operators.
const reserved = "/_ovenbird/"

// operate answers what is not about documents; it reports whether it did.
func (e *Edge) operate(w http.ResponseWriter, r *http.Request) bool {
	path := r.URL.Path
	switch {
	case path == "/healthz":
		writeText(w, r, http.StatusOK, "ok\n")
	case path == "/readyz":
		if f := e.ready(); f != none {
			refuse(w, r, f, "")
			return true
		}
		writeText(w, r, http.StatusOK, "ready\n")
	case path == reserved+"status":
		body, err := json.MarshalIndent(e.Status(), "", "  ")
		if err != nil { // of numbers, strings and times
			panic(err)
		}
		writeJSON(w, r, http.StatusOK, "application/json", append(body, '\n'))
	case strings.HasPrefix(path, reserved):
		refuse(w, r, noOperation, "")
	default:
		return false
	}
	return true
}

func writeText(w http.ResponseWriter, r *http.Request, status int, text string) {
	writeJSON(w, r, status, "text/plain; charset=utf-8", []byte(text))
}

// ready reports why documents can not be served now.
func (e *Edge) ready() fault {
	if e.leaving.Load() {
		return stopping
	}
	_, known := e.clock.read()
	a := answer{state: e.current.Load(), known: known}
	return a.check()
}

// Status is what an edge says about itself, for operators.
type Status struct {
	Ready          bool       `json:"ready"`
	Release        string     `json:"release,omitempty"` // "" before the first
	AsOf           *time.Time `json:"as_of,omitempty"`
	NextTransition *time.Time `json:"next_transition,omitempty"` // the horizon's end where no other is known
	HorizonEnd     *time.Time `json:"horizon_end,omitempty"`
	// ClockUnsureSeconds is within how much the time is known since the clock was
	// set; ClockBehindSeconds how far it is behind the time that a release told.
	ClockUnsureSeconds float64 `json:"clock_unsure_seconds,omitempty"`
	ClockBehindSeconds float64 `json:"clock_behind_seconds,omitempty"`
	Editions           int     `json:"editions"`
	// Rows counts what lies at some path of some edition, and cards; Documents counts
	// what viewers can ask for, in all countries, as of AsOf.
	Rows      int `json:"rows"`
	Documents int `json:"documents"`
	// TakenOver counts releases, Failures attempts to follow, since the start.
	TakenOver int64 `json:"taken_over"`
	Failures  int64 `json:"failures"`
	// HeapBytes is what the whole process has on its heap.
	HeapBytes uint64 `json:"heap_bytes"`
}

// Status returns how the edge is doing now.
func (e *Edge) Status() Status {
	s := Status{
		Ready:     e.ready() == none,
		TakenOver: e.counters.taken.Load(),
		Failures:  e.counters.failed.Load(),
		HeapBytes: heapBytes(),
	}
	wall, known := e.clock.read()
	s.ClockUnsureSeconds = time.Duration(known.latest - known.earliest).Seconds()
	s.ClockBehindSeconds = time.Duration(max(0, known.earliest-wall.UnixNano())).Seconds()
	if st := e.current.Load(); st != nil {
		next := st.next(known.latest).UTC()
		s.Release = st.manifest.ID
		s.AsOf, s.NextTransition, s.HorizonEnd = &st.manifest.AsOf, &next, &st.manifest.HorizonEnd
		s.Editions, s.Rows, s.Documents = len(st.manifest.Editions), st.manifest.Counts.Rows, st.manifest.Counts.Documents
	}
	return s
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
