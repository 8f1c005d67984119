package edge

import (
	"net/http"
	"strconv"
	"time"

	"ovenbird/internal/keepalive"
)

// Header values that never change, as net/http wants them.
var (
	anyOrigin   = []string{"*"}
	nosniff     = []string{"nosniff"}
	contentJSON = []string{"application/json"}
	acceptBytes = []string{"bytes"}
	cacheHit    = []string{"ovenbird; hit"}
	// noVarySearch says that no query parameter changes a document.
	noVarySearch = []string{"params"}
	allowed      = []string{"GET, HEAD, OPTIONS"}
	askedHeaders = []string{"If-Match, If-None-Match, If-Range, Ovenbird-Preview, Range"}
	preflightAge = []string{"86400"}
	// exposed is what a script of another origin may read.
	exposed = []string{"Accept-Ranges, Cache-Status, Content-Encoding, Content-Range, ETag, " +
		"Ovenbird-Preview, Ovenbird-Release, Retry-After, Server-Timing"}
)

// headers are the header values that the configuration decides, all made ahead.
type headers struct {
	vary []string
	// described are those of every document that a 304 has too, and whole those
	// that it has not.
	described, whole *keepalive.Fields
	// fresh is Cache-Control by how many seconds a document may be kept.
	fresh [][]string
	// shared is CDN-Cache-Control (RFC 9213) in the same way; nil where caches that
	// can be purged are told nothing of their own.
	shared [][]string
	// timing is Server-Timing by microseconds.
	timing [timingSteps][]string
}

// timingSteps is below how many microseconds Server-Timing is made ahead; an
// answer that takes longer can afford to format it.
const timingSteps = 1000

func newHeaders(c Config, l locator, previews bool) headers {
	vary := "Accept-Encoding"
	scope := "public"
	switch l := l.(type) {
	case byHeader:
		vary += ", " + l.name
	case *geoIP:
		// No header says what the answer depends on, so no cache that serves
		// several viewers may keep it.
		scope = "private"
	}
	if previews {
		vary += ", " + previewHeader
	}
	if c.Dictionaries {
		vary += ", Available-Dictionary"
	}
	h := headers{vary: []string{vary}}
	h.described = keepalive.NewFields(http.Header{
		"Vary":                          h.vary,
		"No-Vary-Search":                noVarySearch,
		"Cache-Status":                  cacheHit,
		"Access-Control-Allow-Origin":   anyOrigin,
		"Access-Control-Expose-Headers": exposed,
		"Timing-Allow-Origin":           anyOrigin,
		"X-Content-Type-Options":        nosniff,
	})
	h.whole = keepalive.NewFields(http.Header{"Content-Type": contentJSON, "Accept-Ranges": acceptBytes})
	for s := range c.maxAgeSeconds() + 1 {
		h.fresh = append(h.fresh, []string{scope + ", max-age=" + strconv.FormatInt(s, 10) + ", must-revalidate"})
	}
	if c.SharedMaxAge > 0 && scope == "public" {
		for s := range int64(min(c.SharedMaxAge, longestMaxAge)/time.Second) + 1 {
			h.shared = append(h.shared, []string{"public, max-age=" + strconv.FormatInt(s, 10)})
		}
	}
	for us := range h.timing {
		h.timing[us] = []string{timingValue(us)}
	}
	return h
}

func timingValue(us int) string {
	return "edge;dur=" + strconv.FormatFloat(float64(us)/1000, 'f', -1, 64)
}

// cacheSlack is by how much a lifetime ends before the document does. Caches
// count whole seconds, and from when an answer has arrived.
const cacheSlack = 2 * time.Second

// cacheControl returns the value for a document that stays as it is until an instant.
func (h *headers) cacheControl(now, until int64) []string { return atMost(h.fresh, until-now) }

// sharedControl is the same for caches that can be purged.
func (h *headers) sharedControl(now, until int64) []string { return atMost(h.shared, until-now) }

// atMost returns the value, of those by seconds, for a document that stays for so
// many nanoseconds.
func atMost(values [][]string, left int64) []string {
	seconds := max(0, left-int64(cacheSlack)) / int64(time.Second)
	return values[min(seconds, int64(len(values)-1))]
}

// serverTiming returns the value for an answer that took so long.
func (h *headers) serverTiming(took time.Duration) []string {
	us := max(0, int(took/time.Microsecond))
	if us < timingSteps {
		return h.timing[us]
	}
	return []string{timingValue(us)}
}

// header takes the fields of an answer, each once.
type header interface {
	Put(name string, values []string)
	PutAll(fields *keepalive.Fields)
}

// mapped is a header in the way of net/http.
type mapped http.Header

// Put implements header.
func (m mapped) Put(name string, values []string) { m[name] = values }

// PutAll implements header.
func (m mapped) PutAll(fields *keepalive.Fields) { fields.CopyTo(http.Header(m)) }

// headerOf returns where the fields of a document go: to be sent as they are, where
// the connection is of that kind.
func headerOf(w http.ResponseWriter) header {
	if direct, ok := w.(keepalive.ResponseWriter); ok {
		return direct
	}
	return mapped(w.Header())
}

// describe sets the headers of a document that a 304 has too.
func (e *Edge) describe(h header, a *answer) {
	h.PutAll(e.headers.described)
	h.Put("Etag", a.representation.etags)
	switch {
	case a.visit != nil:
		a.visit.describe(h)
	case e.headers.shared != nil:
		h.Put("Cdn-Cache-Control", e.headers.sharedControl(a.known.latest, a.until))
		fallthrough
	default:
		h.Put("Cache-Control", e.headers.cacheControl(a.known.latest, a.until))
	}
	h.Put("Surrogate-Key", a.entry.surrogates)
	h.Put("Cache-Tag", a.entry.tags)
	h.Put("Repr-Digest", a.representation.digests)
	h.Put("Ovenbird-Release", a.state.header)
}
