package edge

import (
	"net/http"
	"strconv"
	"time"

	"ovenbird/internal/accesslog"
	"ovenbird/internal/metric"
	"ovenbird/internal/ovenbird"
)

// answer is what a request leads to.
type answer struct {
	state          *state
	address        address
	entry          *entry
	document       *document
	representation *representation
	coding         coding
	counts         metric.Stripe
	country        ovenbird.Country // "" for a document of the whole site
	known          period           // what the time is
	until          int64
	visit          *visit // nil but for a preview
}

// ServeHTTP answers with documents of the release that is served now, or says
// why not with a problem document.
func (e *Edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hideToken(w, r)
	var t *ticket
	if e.previews != nil {
		r, t = cutTicket(r)
	}
	if e.last(r) {
		w.Header()["Connection"] = closing
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		allowOthers(w)
		answered(e.meter.Pick(), r, http.StatusNoContent)
		return
	default:
		w.Header()["Allow"] = allowed
		e.refuse(w, r, badMethod, "")
		return
	}
	switch {
	case t != nil:
		e.servePreview(w, r, t)
	case !e.operate(w, r):
		e.serve(w, r, nil)
	}
}

// allowOthers answers OPTIONS, CORS preflights among them: scripts of any
// origin may read documents, which are the same for everybody in a country.
func allowOthers(w http.ResponseWriter) {
	h := w.Header()
	h["Allow"] = allowed
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Allow-Methods"] = allowed
	h["Access-Control-Allow-Headers"] = askedHeaders
	h["Access-Control-Max-Age"] = preflightAge
	w.WriteHeader(http.StatusNoContent)
}

// serve answers GET and HEAD, on a visit with a preview.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request, v *visit) {
	started, known := e.clock.read()
	a := answer{state: e.current.Load(), known: known, counts: e.meter.Pick()}
	a.counts[inFlightAt].Add(1)
	defer a.counts[inFlightAt].Add(^uint64(0))
	f := a.check()
	if f == none && v != nil {
		f = v.begin(&a)
	}
	if f == none {
		f = e.find(&a, r)
	}
	if f != none {
		e.refuseAddress(w, r, f)
		return
	}
	c, ok := acceptable(r.Header["Accept-Encoding"]).choose(a.document.incompressible())
	if !ok {
		w.Header()["Vary"] = e.headers.vary
		e.refuse(w, r, noCoding, "")
		return
	}
	a.coding, a.representation = c, a.document.in(c)
	if e.remembers {
		if difference := a.difference(r, e.memory); difference != nil {
			a.coding, a.representation = zstandard, difference
		}
	}
	e.send(w, r, &a, started)
}

// check reports why there is nothing to serve at all.
func (a *answer) check() fault {
	switch {
	case a.state == nil:
		return noRelease
	case a.known.latest >= a.state.horizon && !a.state.outlives:
		return expired
	default:
		return none
	}
}

// refuseAddress refuses a request that leads to no document.
func (e *Edge) refuseAddress(w http.ResponseWriter, r *http.Request, f fault) {
	// Caches that remember that something is not to be kept must not take it for
	// what viewers elsewhere get.
	w.Header()["Vary"] = e.headers.vary
	detail := ""
	if f == noDocument || f == badAddress || f == unknownCountry || f == unknownApplication {
		if detail = checkPath(r.URL.Path, r.URL.RawPath); detail != "" {
			f = badAddress
		}
	}
	e.refuse(w, r, f, detail)
}

// find finds the document for a request. That a document is hidden in a country
// and that there is none come to the same fault, on the same way.
func (e *Edge) find(a *answer, r *http.Request) fault {
	path := r.URL.Path
	if path == "" || path[0] != '/' || r.URL.RawPath != "" && hasEncodedSlash(r.URL.RawPath) {
		return badAddress
	}
	p, f := a.state.locate(path)
	if f != none {
		return f
	}
	if p.application == nil {
		// What is for the whole site is the same in every country.
		return e.findIn(a, "", 0, p.rest)
	}
	country, f := e.countryFor(a, r, &p)
	if f != none {
		return f
	}
	if !e.serves.HasIndex(country) {
		return notHere
	}
	ed, rest := p.application.choose(country, p.rest)
	if ed == nil {
		return notOffered
	}
	a.country = ovenbird.CountryAt(country)
	return e.findIn(a, ed.name, country, rest)
}

// countryFor returns the country whose documents to answer with.
func (e *Edge) countryFor(a *answer, r *http.Request, p *place) (country uint8, f fault) {
	if a.visit != nil {
		return a.visit.countryFor(p)
	}
	return p.countryFor(e.locator.locate(r))
}

// countryFor returns the country whose documents a viewer gets at the place.
func (p *place) countryFor(v viewer) (country uint8, f fault) {
	switch {
	case v.anywhere && p.hasCountry:
		return p.country, none
	case v.anywhere:
		return 0, countryNeeded
	case !v.known:
		return 0, viewerUnknown
	case p.hasCountry && p.country != v.country:
		return 0, wrongCountry
	default:
		return v.country, none
	}
}

// findIn finds what an edition has for a country.
func (e *Edge) findIn(a *answer, edition string, country uint8, path string) fault {
	a.address = address{edition: edition, path: path, country: country}
	var err error
	if a.entry, err = e.memory.entry(a.state, a.address); err != nil {
		return e.noteDamage(a, err)
	}
	if a.entry == nil {
		return noDocument
	}
	v, until := a.entry.at(a.known.earliest)
	if until <= a.known.latest {
		return clockUnsure
	}
	if v.source == (source{}) {
		return noDocument
	}
	if a.known.latest < a.state.horizon {
		a.until = min(until, a.state.horizon)
	} else if a.until = min(until, a.entry.ends); a.until <= a.known.latest {
		return expired
	}
	from := resolver{memory: e.memory, view: a.state.view, address: a.address}
	if a.document, err = from.document(v); err != nil {
		return e.noteDamage(a, err)
	}
	return none
}

// noteDamage notes that what the release has at an address can not be read. Of a
// row of such failures it logs the first.
func (e *Edge) noteDamage(a *answer, err error) fault {
	e.memory.counts.damages.Add(1)
	if !e.damaged.Swap(true) {
		e.log.Error("what a release has can not be read; who asks for it is refused",
			"release", a.state.manifest.ID, "document", a.address.row().String(), "country", a.country, "error", err)
		e.Notify() // whoever follows releases mends it, if that can be
	}
	return damaged
}

// send answers with a representation: as a whole, in part, or not at all if the
// client has it (RFC 9110 section 13.2.2 gives the order).
func (e *Edge) send(w http.ResponseWriter, r *http.Request, a *answer, started time.Time) {
	if entry := accesslog.Note(w); entry != nil {
		entry.Country = string(a.country)
	}
	h := headerOf(w)
	rep := a.representation
	if lines := r.Header["If-Match"]; lines != nil && !matches(lines, rep.etag, false) {
		e.refuse(w, r, preconditionFailed, "")
		return
	}
	if lines := r.Header["If-None-Match"]; lines != nil && matches(lines, rep.etag, true) {
		e.describe(h, a)
		took := e.clock.now().Sub(started)
		h.Put("Server-Timing", e.headers.serverTiming(took))
		w.WriteHeader(http.StatusNotModified)
		a.served(r, http.StatusNotModified, 0, took)
		return
	}
	body, status, length := rep.body, http.StatusOK, rep.length
	switch part, wanted := wantedRange(r, rep); wanted {
	case unsatisfiable:
		w.Header().Set("Content-Range", "bytes */"+rep.length[0])
		e.refuse(w, r, badRange, "")
		return
	case partial:
		h.Put("Content-Range", []string{part.header(len(body))})
		body, status = body[part.start:part.end], http.StatusPartialContent
		length = []string{strconv.Itoa(len(body))}
	case whole:
	}
	e.describe(h, a)
	h.PutAll(e.headers.whole)
	h.Put("Content-Length", length)
	if rep.encoding != nil {
		h.Put("Content-Encoding", rep.encoding)
	}
	if e.remembers && r.TLS != nil {
		if value := useAsDictionary(r.URL.Path); value != nil {
			h.Put("Use-As-Dictionary", value)
		}
	}
	took := e.clock.now().Sub(started)
	h.Put("Server-Timing", e.headers.serverTiming(took))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		a.served(r, status, 0, took)
		return
	}
	sent, _ := w.Write(body)
	a.served(r, status, sent, took)
}

// wantedRange reads Range and If-Range. Only GET has ranges (RFC 9110 section
// 14.2); a date in If-Range matches nothing, because no document has one.
func wantedRange(r *http.Request, rep *representation) (span, rangeAnswer) {
	lines := r.Header["Range"]
	if lines == nil || r.Method != http.MethodGet {
		return span{}, whole
	}
	for _, condition := range r.Header["If-Range"] {
		if trimSpace(condition) != rep.etag {
			return span{}, whole
		}
	}
	return parseRange(lines, len(rep.body))
}
