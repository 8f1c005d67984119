package edge

import (
	"net/http"
	"strconv"
	"strings"

	"ovenbird/internal/preview"
)

// PreviewPrefix is the beginning of addresses with the token of a preview in their
// next segment, for applications that know addresses alone.
const PreviewPrefix = "/_preview/"

// previewHeader is how all others ask for a preview. Either leaves addresses of
// ordinary requests, and what caches keep, as they are; a cookie would have to stand
// in Vary.
const previewHeader = "Ovenbird-Preview"

// ticket is what a request shows to get a preview. The token is "" where it shows
// something else than one token.
type ticket struct{ token string }

// cutTicket takes the ticket off a request: what is left, which logs and problems
// tell of, has no token in its address. An ordinary request is returned as it is,
// without a ticket.
func cutTicket(r *http.Request) (*http.Request, *ticket) {
	lines := r.Header[previewHeader]
	rest, below := strings.CutPrefix(r.URL.Path, PreviewPrefix)
	switch {
	case !below && lines == nil:
		return r, nil
	case !below && len(lines) == 1:
		return r, &ticket{lines[0]}
	case !below:
		return r, &ticket{}
	}
	token, path, _ := strings.Cut(rest, "/")
	raw, clean := strings.CutPrefix(r.URL.EscapedPath(), PreviewPrefix+token)
	address := *r.URL
	address.Path, address.RawPath = "/"+path, ""
	if address.EscapedPath() != raw {
		address.RawPath = raw
	}
	// Characters of a token need no percent-encoding.
	if !clean || lines != nil {
		token, address.RawPath = "", ""
	}
	cut := r.WithContext(r.Context())
	cut.URL, cut.RequestURI = &address, address.RequestURI()
	return cut, &ticket{token}
}

// visit is a preview that is allowed.
type visit struct {
	country     uint8
	application string // "" is any
	at          int64  // 0 is the present
	header      string // the value of Ovenbird-Preview
}

// servePreview answers GET and HEAD of who has a ticket. A preview is of documents
// alone: a prefix leads nowhere that somebody may have closed.
func (e *Edge) servePreview(w http.ResponseWriter, r *http.Request, t *ticket) {
	grant, err := e.previews.Verify(t.token)
	if err != nil {
		e.refuse(w, r, badPreview, "Of this one: "+err.Error()+".")
		return
	}
	e.serve(w, r, newVisit(grant))
}

func newVisit(g preview.Grant) *visit {
	v := &visit{country: g.Country.Index(), application: g.Application, header: string(g.Country)}
	if !g.At.IsZero() {
		v.at = g.At.UnixNano()
		v.header += ";at=@" + strconv.FormatInt(g.At.Unix(), 10) // RFC 9651
	}
	return v
}

// begin makes an answer one for the visit's instant, which has to be one that the
// release knows of.
func (v *visit) begin(a *answer) fault {
	switch {
	case v.at == 0:
	case v.at < a.state.manifest.AsOf.UnixNano() || v.at >= a.state.horizon:
		return previewTime
	default:
		a.known = period{v.at, v.at}
	}
	a.visit = v
	return none
}

// countryFor returns the visit's country, if the place is in what may be seen.
func (v *visit) countryFor(p *place) (country uint8, f fault) {
	switch {
	case p.hasCountry && p.country != v.country:
		return 0, previewCountry
	case v.application != "" && v.application != p.application.name:
		return 0, previewApplication
	default:
		return v.country, none
	}
}

// describe sets the headers of a document that are others for a preview: it is for
// one person, and no cache.
func (v *visit) describe(h header) {
	h.Put("Cache-Control", notStored)
	h.Put(previewHeader, []string{v.header})
}

// notStored is Cache-Control of a preview.
var notStored = []string{"private, no-store"}
