package edge

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// fault is a reason not to answer with a document.
type fault uint8

const (
	none fault = iota
	noDocument
	unknownCountry
	unknownApplication
	notOffered
	countryNeeded
	viewerUnknown
	wrongCountry
	notHere
	badPreview
	previewCountry
	previewApplication
	previewTime
	badAddress
	badMethod
	noCoding
	preconditionFailed
	badRange
	noRelease
	expired
	clockUnsure
	damaged
	noOperation
	stopping
)

const badPreviewTitle = "No such preview"

// faults says how each fault is told. Types are stable: programs compare them.
// The detail always names a remedy.
var faults = [...]struct {
	name   string
	status int
	title  string
	detail string
}{
	none: {},
	noDocument: {
		"not-found", http.StatusNotFound, "No such document",
		"There is no document at this address in this country.",
	},
	unknownCountry: {
		"unknown-country", http.StatusNotFound, "Unknown country",
		"The first segment is not a country. Use an ISO 3166-1 alpha-2 code in capitals, such as FI; the United Kingdom is GB, Greece GR.",
	},
	unknownApplication: {
		"unknown-application", http.StatusNotFound, "Unknown application",
		"The segment after the country is not an application of this site.",
	},
	notOffered: {
		"not-offered", http.StatusNotFound, "Not offered here",
		"The application, or the language asked for, is not offered in this country.",
	},
	countryNeeded: {
		"country-needed", http.StatusNotFound, "Country needed",
		"This edge does not find out where a viewer is. Put a country first, as in /FI/….",
	},
	viewerUnknown: {
		"country-unknown", http.StatusForbidden, "Viewer's country unknown",
		"It is not known in which country you are, so no country's documents can be shown. " +
			"An operator finds in docs/edge.md what an edge trusts to tell the country.",
	},
	wrongCountry: {
		"wrong-country", http.StatusForbidden, "Another country's document",
		"The address is for another country than the one you are in. Leave the country out of the address to get your own.",
	},
	notHere: {
		"not-served-here", http.StatusMisdirectedRequest, "Not served here",
		"This edge serves other countries. Ask the one for your country.",
	},
	badPreview: {
		"preview-invalid", http.StatusForbidden, badPreviewTitle,
		"A preview is asked for with one token, in the header Ovenbird-Preview or after /_preview/ in the address.",
	},
	previewCountry: {
		"preview-invalid", http.StatusForbidden, badPreviewTitle,
		"The token is for another country than the address. Leave the country out of the address, or make a token for that country.",
	},
	previewApplication: {
		"preview-invalid", http.StatusForbidden, badPreviewTitle,
		"The token is for another application. Make one for this application, or for all.",
	},
	previewTime: {
		"preview-invalid", http.StatusForbidden, badPreviewTitle,
		"The token is for an instant that the release does not know of. Make one for an instant before its horizon, or for the present.",
	},
	badAddress: {
		"bad-address", http.StatusBadRequest, "Malformed address",
		"The address is malformed.",
	},
	badMethod: {
		"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed",
		"Documents can only be read: use GET, HEAD or OPTIONS.",
	},
	noCoding: {
		"not-acceptable", http.StatusNotAcceptable, "No acceptable coding",
		"Accept-Encoding excludes everything that there is: br, zstd, gzip and identity.",
	},
	preconditionFailed: {
		"precondition-failed", http.StatusPreconditionFailed, "Precondition failed",
		"If-Match does not name the document as it is now. Get it again without If-Match.",
	},
	badRange: {
		"range-not-satisfiable", http.StatusRequestedRangeNotSatisfiable, "Range not satisfiable",
		"The range begins past the end. Content-Range says how long the body is.",
	},
	noRelease: {
		"no-release", http.StatusServiceUnavailable, "No release yet",
		"Nothing has been published, or the edge has just started. Try again soon.",
	},
	expired: {
		"release-expired", http.StatusServiceUnavailable, "The release has run out",
		"The newest release that this edge has does not say what may be shown now. " +
			"Try again soon; an operator should see why no newer one arrives.",
	},
	clockUnsure: {
		"clock-unsure", http.StatusServiceUnavailable, "The time is not known",
		"The clock of this edge was set, and the document is not the same before and after. " +
			"Try again soon; an operator should see to the clock.",
	},
	damaged: {
		"damaged", http.StatusServiceUnavailable, "The document can not be read",
		"What this edge keeps of the document is damaged. Try again soon, or ask another edge; an operator should see to the disk.",
	},
	stopping: {
		"stopping", http.StatusServiceUnavailable, "Stopping",
		"This edge is about to stop. Ask another one.",
	},
	noOperation: {
		"not-found", http.StatusNotFound, "No such resource",
		"Addresses below /_ovenbird/ are for operators; /_ovenbird/status is the one there is.",
	},
}

// retryAfter is how long, in seconds, a client should wait for a release.
const retryAfter = 2

// problem is a problem document (RFC 9457).
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance,omitempty"`
}

// refuse answers with a problem document. An empty detail means the usual one.
// Problems are never stored: what is refused now may be allowed in a second.
func refuse(w http.ResponseWriter, r *http.Request, f fault, detail string) {
	told := faults[f]
	p := problem{
		Type:     "/problems/" + told.name,
		Title:    told.title,
		Status:   told.status,
		Detail:   told.detail,
		Instance: r.URL.EscapedPath(),
	}
	if detail != "" {
		p.Detail += " " + detail
	}
	body, err := json.Marshal(p)
	if err != nil { // of strings and a number
		panic(err)
	}
	h := w.Header()
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	writeJSON(w, r, p.Status, "application/problem+json", body)
}

// writeJSON answers with something that must not be stored.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h["X-Content-Type-Options"] = nosniff
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposed
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
