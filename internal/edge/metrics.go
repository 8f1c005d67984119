package edge

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ovenbird/internal/accesslog"
	"ovenbird/internal/metric"
)

// What is told apart in the counts of answers. Everything else is "other", so
// that nobody can make new metrics by what they send.
var (
	countedMethods   = [...]string{"GET", "HEAD", "OPTIONS", "other"}
	countedProtocols = [...]string{"1.0", "1.1", "2", "3"}
	countedStatuses  = [...]string{
		"200", "204", "206", "304", "400", "403", "404", "405", "406", "412", "416", "421", "429", "431", "503", "other",
	}
)

// answerBounds are those of the time to an answer, most of which takes microseconds.
var answerBounds = [...]time.Duration{
	time.Microsecond, 2 * time.Microsecond, 5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 250 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond,
	time.Second,
}

// Where each counter lies in a stripe.
const (
	inFlightAt  = 0
	answersAt   = inFlightAt + 1
	codingsAt   = answersAt + len(countedMethods)*len(countedProtocols)*len(countedStatuses)
	problemsAt  = codingsAt + int(codingCount)
	bucketsAt   = problemsAt + len(faults)
	tookAt      = bucketsAt + len(answerBounds) + 1
	meterLength = tookAt + 1
)

// meter counts what an edge answers. A request must not wait for the count of
// another, so the counters lie in stripes.
type meter struct{ *metric.Stripes }

func newMeter() meter { return meter{metric.NewStripes(meterLength)} }

// answered counts an answer.
func answered(s metric.Stripe, r *http.Request, status int) {
	method, protocol := len(countedMethods)-1, 1
	switch r.Method {
	case http.MethodGet:
		method = 0
	case http.MethodHead:
		method = 1
	case http.MethodOptions:
		method = 2
	}
	switch {
	case r.ProtoMajor > 1:
		protocol = min(r.ProtoMajor, 3)
	case r.ProtoMinor == 0:
		protocol = 0
	}
	s[answerAt(method, protocol, statusIndex(status))].Add(1)
}

func answerAt(method, protocol, status int) int {
	return answersAt + (method*len(countedProtocols)+protocol)*len(countedStatuses) + status
}

func statusIndex(status int) int {
	switch status {
	case http.StatusOK:
		return 0
	case http.StatusNoContent:
		return 1
	case http.StatusPartialContent:
		return 2
	case http.StatusNotModified:
		return 3
	}
	for i, name := range countedStatuses {
		if len(name) == 3 && int(name[0]-'0')*100+int(name[1]-'0')*10+int(name[2]-'0') == status {
			return i
		}
	}
	return len(countedStatuses) - 1
}

// served counts a document that was sent, or that the client has already.
func (a *answer) served(r *http.Request, status, bytes int, took time.Duration) {
	answered(a.counts, r, status)
	if bytes > 0 {
		a.counts[codingsAt+int(a.coding)].Add(uint64(bytes))
	}
	a.counts[bucketsAt+metric.Bucket(answerBounds[:], took)].Add(1)
	a.counts[tookAt].Add(uint64(max(0, took)))
}

// refuse answers with a problem, counts it, and has it in the access log.
func (e *Edge) refuse(w http.ResponseWriter, r *http.Request, f fault, detail string) {
	counts := e.meter.Pick()
	answered(counts, r, faults[f].status)
	counts[problemsAt+int(f)].Add(1)
	if entry := accesslog.Note(w); entry != nil {
		entry.Problem = faults[f].name
	}
	refuse(w, r, f, detail)
}

// hideToken keeps tokens of previews, which stand in addresses, out of the access
// log, also where this edge has no use for them.
func hideToken(w http.ResponseWriter, r *http.Request) {
	entry := accesslog.Note(w)
	if entry == nil {
		return
	}
	if strings.Contains(entry.Referer, PreviewPrefix) {
		entry.Referer = ""
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, PreviewPrefix); ok {
		_, rest, _ = strings.Cut(rest, "/")
		entry.Path = PreviewPrefix + "-" + (&url.URL{Path: "/" + rest}).EscapedPath()
	}
}

// takeOverBounds are those of the time to take a release over.
var takeOverBounds = []time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second,
}

// The steps of taking a release over.
const (
	stepFetch = "fetch" // read what differs, and check it
	stepSwap  = "swap"  // forget what is out of date, and serve it
)

var (
	requestsFamily = metric.Family{
		Name: "ovenbird_edge_requests_total", Labels: []string{"method", "protocol", "status"},
		Help: "Requests for documents that were answered.",
	}
	problemsFamily = metric.Family{
		Name: "ovenbird_edge_problems_total", Labels: []string{"problem"},
		Help: "Answers that were no document, by the problem's type; wrong-country and country-unknown are decisions about countries.",
	}
	sentFamily = metric.Family{
		Name: "ovenbird_edge_sent_bytes_total", Labels: []string{"coding"},
		Help: "Bytes of the bodies of documents that were sent, as they are coded.",
	}
	inFlightFamily = metric.Family{
		Name: "ovenbird_edge_requests_in_flight", Kind: metric.Gauge,
		Help: "Requests for documents that are being answered; those that last are of clients that read slowly.",
	}
	answerFamily = metric.Family{
		Name: "ovenbird_edge_answer_duration_seconds", Kind: metric.Histogram,
		Help: "Time from a request for a document to the first byte of the answer, inside the edge.",
	}
	readyFamily = metric.Family{
		Name: "ovenbird_edge_ready", Kind: metric.Gauge,
		Help: "1 if there is a release within its horizon to serve, else 0.",
	}
	asOfFamily = metric.Family{
		Name: "ovenbird_edge_release_as_of_timestamp_seconds", Kind: metric.Gauge,
		Help: "Instant that the served release was baked for; edges with the same value serve the same release.",
	}
	ageFamily = metric.Family{
		Name: "ovenbird_edge_release_age_seconds", Kind: metric.Gauge,
		Help: "Time since the instant that the served release was baked for, by the edge's clock.",
	}
	horizonFamily = metric.Family{
		Name: "ovenbird_edge_release_horizon_seconds", Kind: metric.Gauge,
		Help: "Time until the served release runs out, by the edge's clock; negative once it has.",
	}
	sequenceFamily = metric.Family{
		Name: "ovenbird_edge_release_catalog_sequence", Kind: metric.Gauge,
		Help: "Number of the last change of the catalog that the served release contains.",
	}
	documentsFamily = metric.Family{
		Name: "ovenbird_edge_release_documents", Kind: metric.Gauge,
		Help: "Documents that viewers can ask for in the served release, over all countries.",
	}
	takenFamily = metric.Family{
		Name: "ovenbird_edge_takeovers_total",
		Help: "Releases that were taken over.",
	}
	failuresFamily = metric.Family{
		Name: "ovenbird_edge_follow_failures_total",
		Help: "Attempts to follow the head or to take a release over that failed.",
	}
	memoryFamily = metric.Family{
		Name: "ovenbird_edge_memory_bytes", Kind: metric.Gauge,
		Help: "What is kept ready because it was asked for, by estimate.",
	}
	madeFamily = metric.Family{
		Name: "ovenbird_edge_made_total", Labels: []string{"what"},
		Help: "What was not ready when it was asked for: entries of addresses, documents, and codings of documents.",
	}
	damagesFamily = metric.Family{
		Name: "ovenbird_edge_damages_total",
		Help: "Requests that were refused because what the release has could not be read.",
	}
	stepFamily = metric.Family{
		Name: "ovenbird_edge_takeover_step_duration_seconds", Kind: metric.Histogram, Labels: []string{"step"},
		Help: "Time that each step of taking a release over took.",
	}
)

// Report implements metric.Source. Gauges are as of now.
func (e *Edge) Report(ctx context.Context, to metric.Sink) {
	e.meter.report(to)
	to.Value(takenFamily, float64(e.counters.taken.Load()))
	to.Value(failuresFamily, float64(e.counters.failed.Load()))
	e.steps.Report(ctx, to)
	to.Value(memoryFamily, float64(e.memory.used()))
	to.Value(madeFamily, float64(e.memory.counts.entries.Load()), "entry")
	to.Value(madeFamily, float64(e.memory.counts.documents.Load()), "document")
	to.Value(madeFamily, float64(e.memory.counts.codings.Load()), "coding")
	to.Value(damagesFamily, float64(e.memory.counts.damages.Load()))
	ready := 0.0
	if e.ready() == none {
		ready = 1
	}
	to.Value(readyFamily, ready)
	st := e.current.Load()
	if st == nil {
		return
	}
	now, m := e.now(), &st.manifest
	to.Value(asOfFamily, float64(m.AsOf.UnixMilli())/1000)
	to.Value(ageFamily, now.Sub(m.AsOf).Seconds())
	to.Value(horizonFamily, m.HorizonEnd.Sub(now).Seconds())
	to.Value(sequenceFamily, float64(m.CatalogSequence))
	to.Value(documentsFamily, float64(m.Counts.Documents))
}

// report reports the counts of answers. Of the combinations only those that
// occurred are, and the usual one.
func (m meter) report(to metric.Sink) {
	for method, methodName := range countedMethods {
		for protocol, protocolName := range countedProtocols {
			for status, statusName := range countedStatuses {
				n := m.Sum(answerAt(method, protocol, status))
				if n > 0 || method == 0 && protocol == 1 && status == 0 {
					to.Value(requestsFamily, float64(n), methodName, protocolName, statusName)
				}
			}
		}
	}
	problems := make(map[string]uint64)
	for f := range faults {
		problems[faults[f].name] += m.Sum(problemsAt + f)
	}
	delete(problems, faults[none].name)
	for name, n := range problems {
		to.Value(problemsFamily, float64(n), name)
	}
	for c, name := range codingNames {
		to.Value(sentFamily, float64(m.Sum(codingsAt+c)), name)
	}
	to.Value(inFlightFamily, float64(int64(m.Sum(inFlightAt))))
	d := metric.Distribution{Bounds: answerBounds[:], Sum: time.Duration(m.Sum(tookAt))}
	for i := range len(answerBounds) + 1 {
		d.Counts = append(d.Counts, m.Sum(bucketsAt+i))
	}
	to.Durations(answerFamily, d)
}
