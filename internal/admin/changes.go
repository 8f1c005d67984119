package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"ovenbird/internal/catalog"
)

// Change is an entry of the feed: who changed what, when, from what, to what.
type Change struct {
	Sequence int64           `json:"sequence" doc:"1, 2, 3… in the order of commits, without gaps"`
	At       time.Time       `json:"at"`
	Actor    string          `json:"actor" doc:"the name of a token, or what else wrote"`
	Type     string          `json:"type" enum:"title,license,collection,collection_item"`
	ID       string          `json:"id" doc:"of a collection_item: collection/title"`
	Action   string          `json:"action" enum:"created,updated,deleted"`
	Before   json.RawMessage `json:"before,omitempty" doc:"the record before; absent where there was none"`
	After    json.RawMessage `json:"after,omitempty" doc:"the record after; absent where there is none any more"`
}

func changeOf(c catalog.Change) Change {
	return Change{
		Sequence: c.Sequence, At: c.At, Actor: c.Actor, Type: string(c.Type), ID: c.ID, Action: string(c.Action),
		Before: json.RawMessage(c.Before), After: json.RawMessage(c.After),
	}
}

type changesInput struct {
	After int64 `query:"after" minimum:"0" doc:"only changes with a higher sequence"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// ChangeList is a part of the feed.
type ChangeList struct {
	Items []Change `json:"items" nullable:"false"`
	Last  int64    `json:"last" doc:"sequence of the last of the items, or after where there are none: the next after"`
	More  bool     `json:"more" doc:"whether there are more now"`
}

type changesOutput struct{ Body ChangeList }

type streamInput struct {
	After       string `query:"after" pattern:"^[0-9]*$" maxLength:"18" doc:"only changes with a higher sequence; absent: those to come"`
	LastEventID string `header:"Last-Event-ID" pattern:"^[0-9]*$" maxLength:"18" doc:"beats after; browsers send it when they come back"`
}

func (a *API) registerChanges() {
	register(a, Viewer, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/changes", Tags: []string{"changes"},
		Summary: "Read the feed of changes", Errors: []int{http.StatusUnprocessableEntity},
	}, a.listChanges)
	register(a, Viewer, huma.Operation{
		OperationID: "stream-changes", Method: http.MethodGet, Path: "/changes/stream", Tags: []string{"changes"},
		Summary: "Follow the feed of changes as server-sent events",
		Description: "Each change is an event `change` with its sequence as id and the entry of the list as data. Comments keep the " +
			"connection alive. The stream ends when the server stops; come back with Last-Event-ID.",
		Responses: map[string]*huma.Response{"200": {
			Description: "Server-sent events",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
		Errors: []int{http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, a.streamChanges)
}

func (a *API) listChanges(ctx context.Context, in *changesInput) (*changesOutput, error) {
	list, err := a.catalog.Changes(ctx, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := ChangeList{Items: make([]Change, 0, len(list)), Last: in.After, More: len(list) > in.Limit}
	for _, c := range list[:min(len(list), in.Limit)] {
		out.Items = append(out.Items, changeOf(c))
		out.Last = c.Sequence
	}
	return &changesOutput{out}, nil
}

func (a *API) streamChanges(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	after, err := a.streamStart(ctx, in)
	if err != nil {
		return nil, err
	}
	leave, ok := a.feed.join(ctx)
	if !ok {
		return nil, problem(http.StatusTooManyRequests, "As many as may follow the feed do: try again later, or read the list.").
			with("Retry-After", "10")
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { //nolint:contextcheck // huma's context has the request's
		defer leave()
		r, w := humago.Unwrap(hc)
		if r.Method == http.MethodHead { // of something that does not end
			return
		}
		s := stream{api: a, w: w, control: http.NewResponseController(w), after: after}
		s.run(hc.Context())
	}}, nil
}

// streamStart returns the sequence after which a stream begins.
func (a *API) streamStart(ctx context.Context, in *streamInput) (int64, error) {
	for _, text := range []string{in.LastEventID, in.After} {
		if text != "" {
			return strconv.ParseInt(text, 10, 64) // digits, 18 at most
		}
	}
	return a.catalog.Sequence(ctx)
}

const (
	// streamWrite is how long a client may take to receive what is sent at once.
	streamWrite = 10 * time.Second
	// streamChunk is how many changes are read at once for a stream.
	streamChunk = 200
)

// stream sends the feed to one client.
type stream struct {
	api     *API
	w       http.ResponseWriter
	control *http.ResponseController
	after   int64
}

// run sends until the client goes, is too slow, or loses its token, or the API stops.
func (s *stream) run(ctx context.Context) {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s.w.WriteHeader(http.StatusOK)
	heartbeat := time.NewTicker(s.api.cfg.Heartbeat)
	defer heartbeat.Stop()
	if s.send([]byte("retry: 2000\n: welcome\n\n")) != nil {
		return
	}
	for {
		news := s.api.feed.news()
		if err := s.catchUp(ctx); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.api.feed.stopped:
			return
		case <-news:
		case <-heartbeat.C:
			// Whoever asks is judged with each request, and this one lasts.
			if s.api.Tokens.check(ctx, bearer(ctx)) != nil || s.send([]byte(": alive\n\n")) != nil {
				return
			}
		}
	}
}

// catchUp sends all changes that there are.
func (s *stream) catchUp(ctx context.Context) error {
	for {
		list, err := s.api.catalog.Changes(ctx, s.after, streamChunk)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		for _, c := range list {
			data, err := json.Marshal(changeOf(c))
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "event: change\nid: %d\ndata: %s\n\n", c.Sequence, data)
			s.after = c.Sequence
		}
		if b.Len() > 0 {
			if err := s.send(b.Bytes()); err != nil {
				return err
			}
		}
		if len(list) < streamChunk {
			return nil
		}
		select {
		case <-s.api.feed.stopped:
			return http.ErrServerClosed
		default:
		}
	}
}

func (s *stream) send(b []byte) error {
	// A writer without deadlines is one of a test. The server's own deadline,
	// which is for answers that end, is replaced.
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
