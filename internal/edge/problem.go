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
	badAddress
	badMethod
	noCoding
	preconditionFailed
	badRange
	noRelease
	expired
	noOperation
)

// faults says how each fault is told. Types are stable: programs compare them.
// The detail always names a remedy.
var faults = [...]struct {
	name, title, detail string
	status              int
}{
	none:       {},
	noDocument: {"not-found", "No such document", "There is no document at this address in this country.", http.StatusNotFound},
	unknownCountry: {
		"unknown-country", "Unknown country",
		"The first segment is not a country. Use an ISO 3166-1 alpha-2 code in capitals: /FI/…, and GB for the United Kingdom, GR for Greece.",
		http.StatusNotFound,
	},
	unknownApplication: {
		"unknown-application", "Unknown application",
		"The segment after the country is not an application of this site.", http.StatusNotFound,
	},
	notOffered: {
		"not-offered", "Not offered here",
		"The application, or the language asked for, is not offered in this country. /variations.json lists what is.", http.StatusNotFound,
	},
	countryNeeded: {
		"country-needed", "Country needed",
		"This edge does not find out where a viewer is. Put a country first: /FI/…", http.StatusNotFound,
	},
	viewerUnknown: {
		"country-unknown", "Viewer's country unknown",
		"It is not known in which country you are, so no country's documents can be shown. " +
			"An operator finds in docs/edge.md what the edge trusts to tell the country.", http.StatusForbidden,
	},
	wrongCountry: {
		"wrong-country", "Another country's document",
		"The address is for another country than the one you are in. Leave the country out of the address to get your own.",
		http.StatusForbidden,
	},
	badAddress:         {"bad-address", "Malformed address", "The address is malformed.", http.StatusBadRequest},
	badMethod:          {"method-not-allowed", "Method not allowed", "Documents can only be read: use GET, HEAD or OPTIONS.", http.StatusMethodNotAllowed},
	noCoding:           {"not-acceptable", "No acceptable coding", "Accept-Encoding excludes everything that is there: br, zstd, gzip and identity.", http.StatusNotAcceptable},
	preconditionFailed: {"precondition-failed", "Precondition failed", "If-Match names no tag of the document as it is now. Get it again without If-Match.", http.StatusPreconditionFailed},
	badRange:           {"range-not-satisfiable", "Range not satisfiable", "The range begins past the end. Content-Range says how long the body is.", http.StatusRequestedRangeNotSatisfiable},
	noRelease:          {"no-release", "No release yet", "Nothing has been published, or the edge has just started. Try again soon.", http.StatusServiceUnavailable},
	expired: {
		"release-expired", "The release has run out",
		"The newest release this edge has does not say what may be shown now. Try again soon; an operator should see why no newer one arrives.",
		http.StatusServiceUnavailable,
	},
	noOperation: {"not-found", "No such resource", "Addresses below /_ovenbird/ are for operators: /_ovenbird/status.", http.StatusNotFound},
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
