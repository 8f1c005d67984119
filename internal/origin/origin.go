package origin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// Prefix is where the endpoint begins at its address. A change that breaks edges
// comes under another one.
const Prefix = "/origin/v1/"

// What there is below Prefix, beside the keys of the objects.
const (
	eventsPath  = "events"
	reportsPath = "reports"
)

// Config adjusts an Origin. The zero value is good.
type Config struct {
	// Poll is how often the head is looked at; 0 means 150 ms.
	Poll time.Duration
	// Heartbeat is how often a subscriber hears that the connection is alive; 0
	// means 15 s.
	Heartbeat time.Duration
	// MaxSubscribers is how many may be told of news at once; 0 means 4096.
	MaxSubscribers int
}

// Origin is the release endpoint. It is an http.Handler, and a lifecycle service
// that watches the head: stop it before the server that serves it, so that the
// streams of events have ended when that waits for them.
type Origin struct {
	cfg     Config
	objects objects
	tokens  tokens
	reports reports
	log     *slog.Logger
	shelf   *shelf

	current     atomic.Pointer[state] // nil until the head was read for the first time
	news        news
	subscribers atomic.Int64
	wake        chan struct{} // holds one when the head may have changed
	stop        context.CancelFunc
	done        chan struct{}
}

// New returns an endpoint that knows of no release until it is started.
func New(cfg Config, deps Deps) (*Origin, error) {
	if deps.Objects == nil || deps.Tokens == nil || deps.Reports == nil {
		return nil, ovenbird.Errorf(ovenbird.Internal, "an origin needs objects, tokens and somebody who takes reports")
	}
	reader, err := release.NewReader(deps.Objects)
	if err != nil {
		return nil, err
	}
	cfg.Poll = cmp.Or(cfg.Poll, 150*time.Millisecond)
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, heartbeat)
	cfg.MaxSubscribers = cmp.Or(cfg.MaxSubscribers, 4096)
	return &Origin{
		cfg: cfg, objects: deps.Objects, tokens: deps.Tokens, reports: deps.Reports,
		log: cmp.Or(deps.Log, slog.New(slog.DiscardHandler)), shelf: newShelf(reader),
		news: newNews(), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}, nil
}

// ServeHTTP answers an edge.
func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if !o.admit(w, r) {
		return
	}
	key, ours := strings.CutPrefix(r.URL.Path, Prefix)
	pack, isPack := release.PackOfKey(key)
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !ours:
		refuse(w, http.StatusNotFound, "There is nothing at this address; the endpoint begins at "+Prefix+".")
	case key == reportsPath && r.Method == http.MethodPost:
		o.takeReport(w, r)
	case key == reportsPath:
		refuseMethod(w, "POST")
	case key != eventsPath && key != release.HeadKey && !isPack:
		refuse(w, http.StatusNotFound, "There are the head, packs, events and reports, and nothing else.")
	case !reads:
		refuseMethod(w, "GET, HEAD")
	case key == eventsPath:
		o.serveEvents(w, r)
	case key == release.HeadKey:
		o.serveHead(w, r)
	default:
		o.servePack(w, r, pack)
	}
}

// admit refuses a request without a good token, and reports whether it has one.
func (o *Origin) admit(w http.ResponseWriter, r *http.Request) bool {
	secret, ok := bearer(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="ovenbird"`)
		refuse(w, http.StatusUnauthorized, "Send a token of the role edge as `Authorization: Bearer …`; "+
			"make one with `ovenbird token create --role edge`.")
		return false
	}
	err := o.tokens.Admit(r.Context(), secret)
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrRefused):
		w.Header().Set("WWW-Authenticate", `Bearer realm="ovenbird", error="invalid_token"`)
		refuse(w, http.StatusUnauthorized, "Refused: "+err.Error()+".")
	default:
		o.failed(w, r, "looking a token up", err)
	}
	return false
}

// bearer returns the secret that a request carries (RFC 6750).
func bearer(r *http.Request) (secret string, ok bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, secret, ok := strings.Cut(values[0], " ")
	return strings.TrimSpace(secret), ok && strings.EqualFold(scheme, "Bearer")
}

// failed answers that something does not work now, and logs what.
func (o *Origin) failed(w http.ResponseWriter, r *http.Request, doing string, err error) {
	if r.Context().Err() == nil {
		o.log.WarnContext(r.Context(), "an edge could not be answered", "doing", doing, "error", err)
	}
	w.Header().Set("Retry-After", "1")
	refuse(w, http.StatusServiceUnavailable, "This does not work now; the origin's log says why.")
}

func refuseMethod(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	refuse(w, http.StatusMethodNotAllowed, "Use one of "+allowed+" here.")
}

// refuse answers with a problem (RFC 9457).
func refuse(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
	if err != nil { // of strings and a number
		panic(err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever is gone does not hear it
}
